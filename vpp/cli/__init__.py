"""The commands. Whatever is logged is no part of what they print, from the first import on."""

from vpp.cli.interrupts import ending_at_once

with ending_at_once():
    from vpp.cli.streams import open_closed
    from vpp.runtime.logs import to_standard_error

    open_closed()
    to_standard_error()
