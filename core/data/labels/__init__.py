"""Reads label files, which give the class of each image: tables, lists, exports of labelling tools.

`read_label_file` takes the bytes of one file and the images it may name, and returns its rows.
Nothing here reads or writes files.
"""

from core.data.labels.matching import ImageIndex as ImageIndex
from core.data.labels.matching import LabelScope as LabelScope
from core.data.labels.read import LARGEST_BYTES as LARGEST_BYTES
from core.data.labels.read import LabelFile as LabelFile
from core.data.labels.read import decoded as decoded
from core.data.labels.read import read_label_file as read_label_file
from core.data.labels.rows import NoLabels as NoLabels
from core.data.labels.rows import numbered_names as numbered_names
