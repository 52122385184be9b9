"""Cameras and body-worn devices of the Chinese video standard GB/T 28181 (2016 and 2022) over SIP: signalling only, no media."""
