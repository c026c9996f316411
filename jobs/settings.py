"""`Settings`: read from the environment (`EVENKEEL_*`) and from flags."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_dir
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.data.limits import MIB, Limits
from core.errors import UserError
from core.params import first_problem
from core.results.runs import RunFolder

_PREFIX = "EVENKEEL_"
_FOLDERS = ("cache", "datasets", "runs", "exports", "tmp")


def _without_password(address: SecretStr) -> str:
    return re.sub(r"//[^@/]*@", "//…@", address.get_secret_value())


def _default_home() -> Path:
    return Path(user_data_dir("evenkeel", appauthor=False))


class Settings(BaseSettings):
    """The settings of one Evenkeel: data folder, address, limits, safety of runs.

    Making one creates the data folder (0700). One that is there keeps the mode that it has.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=_default_home)
    """Data folder: ledger, queue, data sets, runs, caches."""
    queue: SecretStr = SecretStr("sqlite")
    """Carries queue messages: `sqlite`, a file in the data folder, or `redis://…`, which workers on
    several machines can read.
    """
    database: SecretStr | None = None
    """The ledger: SQLite in the data folder, or `postgresql+psycopg://…`, which workers on several
    machines can share.
    """
    artifacts: None = None
    """Runs are kept in the data folder; no other store is supported yet."""
    workers: int = Field(1, ge=0, le=64)
    """Worker processes that `evenkeel up` starts."""
    spare: bool = True
    """Keep a prepared process with torch imported, so that runs start at once (about 600 MB)."""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], BeforeValidator(lambda v: str(v).lower())
    ] = "info"
    """The level of messages that are logged, on stderr and in the data folder's `logs`."""

    # Who comes in
    host: str = "127.0.0.1"
    """Address the studio listens on."""
    port: int = Field(7860, ge=1, le=65535)
    """Port the studio listens on."""
    share: bool = False
    """Open a public link to the studio."""
    auth: SecretStr | None = None
    """`USER:PASSWORD` of the owner, who sees everything. The password may be its argon2 hash."""
    visitor_auth: SecretStr | None = None
    """`USER:PASSWORD` for visitors, each of whom has a workspace of their own."""
    public: bool = False
    """Let anybody in as a visitor, without a password."""

    # What they may take
    actions_per_minute: int = Field(60, ge=1)
    """Actions that one visitor may take in a minute; looking is not counted."""
    workspace_mib: int = Field(2048, ge=1)
    """The most that the data sets of one visitor may fill on the disk."""
    workspace_images: int = Field(20_000, ge=1)
    """The most images that the data sets of one visitor may hold."""
    workspace_running: int = Field(1, ge=1)
    """Runs of one visitor that may be running at a time."""
    workspace_queued: int = Field(5, ge=1)
    """Runs of one visitor that may wait in addition."""
    studio_queued: int = Field(100, ge=1)
    """Runs of all visitors together that may wait."""

    # What an upload may be
    upload_mib: int = Field(1024, ge=1)
    """The most that one upload may send."""
    upload_unpacked_mib: int = Field(2048, ge=1)
    """The most disk space that one upload may fill, unpacked and re-encoded."""
    upload_images: int = Field(20_000, ge=1)
    """The most images of one upload."""
    upload_reserve_mib: int = Field(5120, ge=0)
    """Free disk space that visitors' uploads leave."""
    image_megapixels: float = Field(50.0, gt=0)
    """The largest image that is read."""
    decode_mib: int = Field(1536, ge=256)
    """The most memory that reading one image may take."""
    decode_seconds: float = Field(30.0, gt=0)
    """The longest that reading one image may take."""

    # What a run may take
    pixel_memory_mib: int = Field(2048, ge=1)
    """The most memory for decoded images in one process; images that do not fit are decoded again
    in every epoch."""

    # How runs are kept safe
    run_reserve_mib: int = Field(2048, ge=0)
    """Free disk space without which no run starts; three checkpoints must fit as well."""
    wait_seconds: float = Field(20.0, gt=0)
    """The time after which a run that waits for disk space or memory is tried again."""
    checkpoint_least_seconds: float = Field(5.0, ge=0)
    """The shortest time between two checkpoints at ends of epochs."""
    checkpoint_most_seconds: float = Field(300.0, ge=0)
    """The longest time between two checkpoints, also within an epoch."""
    beat_seconds: float = Field(5.0, gt=0)
    """The interval at which a worker reports that its run is alive."""
    lease_seconds: float = Field(30.0, gt=0)
    """A run whose worker gave no sign of life for this long is taken over."""
    hang_seconds: float = Field(300.0, gt=0)
    """A training that takes no step for this long, and for `hang_steps` of its usual steps, hangs:
    it is ended and tried again."""
    hang_steps: float = Field(20.0, gt=0)
    """See `hang_seconds`."""

    @field_validator("queue")
    @classmethod
    def _can_carry(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().split(":")[0] in ("sqlite", "redis", "rediss", "unix"):
            return value
        raise UserError(
            "EVENKEEL_QUEUE must be sqlite, or redis://HOST:PORT/NUMBER; "
            f"got {_without_password(value)}."
        )

    @field_validator("database")
    @classmethod
    def _can_keep(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or value.get_secret_value().startswith("postgresql+psycopg://"):
            return value
        raise UserError(
            "EVENKEEL_DATABASE must be postgresql+psycopg://USER:PASSWORD@HOST/NAME, or not be set "
            f"for SQLite in the data folder; got {_without_password(value)}."
        )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise UserError(f"{_PREFIX}{name.upper()}: {first_problem(error)}") from None

    def model_post_init(self, context: Any) -> None:
        """Create the data folder where there is none, readable by its owner only."""
        home = self.home.expanduser().absolute()
        object.__setattr__(self, "home", home)
        try:
            if not home.is_dir():
                home.mkdir(parents=True, mode=0o700, exist_ok=True)
                home.chmod(0o700)  # whatever the umask
            for name in _FOLDERS:
                (home / name).mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(
                f"EVENKEEL_HOME must be a folder that can be written, got {home} "
                f"({error.strerror}). Name another one."
            ) from None

    @property
    def limits(self) -> Limits:
        """The limits of an upload."""
        return Limits(
            upload_bytes=self.upload_mib * MIB,
            kept_bytes=self.upload_unpacked_mib * MIB,
            images=self.upload_images,
            pixels=round(self.image_megapixels * 1e6),
            memory_bytes=self.decode_mib * MIB,
            seconds=self.decode_seconds,
        )

    @property
    def cache(self) -> Path:
        """Features and other things that can be computed again."""
        return self.home / "cache"

    @property
    def ledger_path(self) -> Path:
        """The database in which the state of every run stands."""
        return self.home / "studio.db"

    @property
    def queue_path(self) -> Path:
        """The database of queue messages. If it is lost, no run is lost."""
        return self.home / "queue.db"

    @property
    def logs(self) -> Path:
        """The folder of the logs, one JSON object per line."""
        return self.home / "logs"

    @property
    def socket_path(self) -> Path:
        """The Unix socket on which the evaluator answers."""
        return self.home / "evaluator.sock"

    def run_folder(self, run_id: str) -> RunFolder:
        """The folder of a queued run."""
        return RunFolder(self.home / "runs" / run_id)

    def environment(self) -> dict[str, str]:
        """This process's environment with these settings in it: what a child process is started
        with.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set} | {"home": self.home}
        own = {
            _PREFIX + name.upper(): value.get_secret_value()
            if isinstance(value, SecretStr)
            else str(value)
            for name, value in given.items()
            if value is not None
        }
        return {**os.environ, **own}
