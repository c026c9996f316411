"""Files that say of which class each image is: tables, lists, what labelling tools export. Pure.

`read_label_file` takes the bytes of one file and the images that it may speak of, and gives its
rows.
"""

from core.data.labels.matching import Images as Images
from core.data.labels.matching import Scope as Scope
from core.data.labels.read import LARGEST_BYTES as LARGEST_BYTES
from core.data.labels.read import LabelFile as LabelFile
from core.data.labels.read import decoded as decoded
from core.data.labels.read import read_label_file as read_label_file
from core.data.labels.rows import NoLabels as NoLabels
from core.data.labels.rows import numbered_names as numbered_names
