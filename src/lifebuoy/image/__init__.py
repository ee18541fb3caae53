"""Rescue images: building ours, keeping a catalogue of all. Knows nothing of libvirt."""

from lifebuoy.image.builder import BuildProgress, build
from lifebuoy.image.catalogue import Catalogue, Image, ImageKind

__all__ = ["BuildProgress", "Catalogue", "Image", "ImageKind", "build"]
