"""Gateway: HTTP in front of the bus, for people, scripts and browsers.

Reads every event of ``source.*``, ``projection.*``, ``writing.*`` and ``letters.*`` on EVENTS,
``map.labels``, the points of ``map.points``, the dead letters, what the services tell about
themselves, and the public files of the dataset; writes ``command.refit``,
``command.rollback``, ``command.forget``, ``command.replay``, ``command.drop``,
``command.rename``, ``command.create``, ``command.delete`` and ``command.upload``, and the bytes
of what is uploaded, which discovery takes over; owns nothing:
whatever it remembers is rebuilt from the streams and the files, so it may run any number of
times.
"""
