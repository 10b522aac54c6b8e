"""Spiking networks by the clock, beside BindsNET and spyx."""
