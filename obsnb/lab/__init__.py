"""The lab: a small system that really runs, is observable as the debugging guide describes, and breaks.

An extra (``pip install 'obsnb[lab]'``). Only the command line knows it, and imports it when asked. Every
process listens on 127.0.0.1 alone. What a room holds:

settings, roster
    What is to run: addresses, load, sampling; the logical services, their names and who calls whom.
telemetry
    Logs, metrics and traces of a service, and how they leave the process.
service, observed, outgoing
    A running service, and what watches the requests that come in and go out.
backend, identity, data_source, plain_service, worker
    The services themselves; ``page`` is the browser's part.
load
    The users.
faults
    What can be broken, as data, and how it is broken.
process, supervisor, running
    The processes: started, watched, stopped, found again by the next command.
recording, game
    A frozen incident with its truth; a game day.
"""
