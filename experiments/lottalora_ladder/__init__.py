"""How much of full training do low-rank adapters on frozen random networks reach?"""
