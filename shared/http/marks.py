"""What requests are marked with, for those who look at them elsewhere."""

STREAMED = "mapstream.streamed"
"""In a request's scope: its body is taken as it comes, for as long as it comes."""
UPLOAD_HEADER = "x-mapstream-upload"
"""The header that an upload has, and no form of a page."""
