"""Every sentence that the studio says. Plain English first, the metric's name second."""

from studio.words.charts import Charts as Charts
from studio.words.compare import Compare as Compare
from studio.words.data import Data as Data
from studio.words.data import Drop as Drop
from studio.words.export import Export as Export
from studio.words.lab import Lab as Lab
from studio.words.live import Live as Live
from studio.words.numbers import Numbers as Numbers
from studio.words.photo import Photo as Photo
from studio.words.prompts import Prompts as Prompts
from studio.words.prototypes import Prototypes as Prototypes
from studio.words.shell import Brand as Brand
from studio.words.shell import Login as Login
from studio.words.shell import Queue as Queue
from studio.words.shell import Shell as Shell
from studio.words.shell import Steer as Steer
from studio.words.shots import Shots as Shots
from studio.words.space import Space as Space
from studio.words.train import BeforeQueue as BeforeQueue
from studio.words.train import Several as Several
from studio.words.train import Train as Train
from studio.words.verdict import Verdict as Verdict
