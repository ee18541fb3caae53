"""Breaks what can break under Lifebuoy, at every moment, and looks whether it is survived.

``python -m faults``. Not part of the wheel; uses the product as its users do.
"""
