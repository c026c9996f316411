"""What the studio says in German: the classes of `studio.words`, with the same attributes."""

from studio.words.german.charts import Charts as Charts
from studio.words.german.compare import Compare as Compare
from studio.words.german.data import Data as Data
from studio.words.german.data import Drop as Drop
from studio.words.german.export import Export as Export
from studio.words.german.lab import Lab as Lab
from studio.words.german.live import Live as Live
from studio.words.german.numbers import Numbers as Numbers
from studio.words.german.photo import Photo as Photo
from studio.words.german.prompts import Prompts as Prompts
from studio.words.german.prototypes import Prototypes as Prototypes
from studio.words.german.shell import Brand as Brand
from studio.words.german.shell import Login as Login
from studio.words.german.shell import Queue as Queue
from studio.words.german.shell import Shell as Shell
from studio.words.german.shell import Steer as Steer
from studio.words.german.shots import Shots as Shots
from studio.words.german.space import Space as Space
from studio.words.german.train import Several as Several
from studio.words.german.train import Train as Train
from studio.words.german.verdict import Verdict as Verdict
