"""The one door of every HTTP port: which connections, which bytes and how long."""
