"""Timestamps, from the module that the command and the job share."""

from tdaformats.timestamps import EARLIEST_MS as EARLIEST_MS
from tdaformats.timestamps import EPOCH as EPOCH
from tdaformats.timestamps import LATEST_MS as LATEST_MS
from tdaformats.timestamps import SECONDS_FROM as SECONDS_FROM
from tdaformats.timestamps import SECONDS_TO as SECONDS_TO
from tdaformats.timestamps import format_timestamp as format_timestamp
from tdaformats.timestamps import is_in_seconds as is_in_seconds
from tdaformats.timestamps import parse_timestamp as parse_timestamp
