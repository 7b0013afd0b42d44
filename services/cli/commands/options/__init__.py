"""The options of the commands that have several; what they do stands beside this folder."""
