"""Timestamps, from the module that the command and the job share."""

from tdaformats.times import EARLIEST_MS as EARLIEST_MS
from tdaformats.times import EPOCH as EPOCH
from tdaformats.times import LATEST_MS as LATEST_MS
from tdaformats.times import SECONDS_FROM as SECONDS_FROM
from tdaformats.times import SECONDS_TO as SECONDS_TO
from tdaformats.times import format_timestamp as format_timestamp
from tdaformats.times import is_in_seconds as is_in_seconds
from tdaformats.times import parse_timestamp as parse_timestamp
