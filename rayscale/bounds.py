"""What numbers of a saved run can be: a file may be anybody's, and what is read is computed with.

msgspec refuses what is outside.
"""

from typing import Annotated

from msgspec import Meta

# A time: no clock tells less than a femtosecond, no call takes 300 years.
LEAST, MOST = 1e-15, 1e10
Seconds = Annotated[float, Meta(ge=LEAST, le=MOST)]
Part = Annotated[float, Meta(ge=0, le=MOST)]  # seconds of a call's part, which may take none
Times = Annotated[float, Meta(ge=1e-12, le=1e12)]  # as fast as something else

Count = Annotated[int, Meta(ge=1, le=10**12)]
Amount = Annotated[int, Meta(ge=0, le=10**18)]
CPUs = Annotated[int, Meta(ge=1, le=10**6)]
Name = Annotated[str, Meta(min_length=1)]
