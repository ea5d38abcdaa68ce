"""The commands of ``rayscale``, a file each: arguments in, a call into a room, text out."""
