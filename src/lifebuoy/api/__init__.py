"""The REST API: requests, answers and who may make which. No decisions of its own, no libvirt."""
