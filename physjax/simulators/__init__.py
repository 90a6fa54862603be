"""Pure functions of a key that make data on the device."""

from . import backgrounds as backgrounds
from . import cars as cars
from . import particles as particles
from . import scenes as scenes
from . import spectrometer as spectrometer
