"""Did it get slower?"""
