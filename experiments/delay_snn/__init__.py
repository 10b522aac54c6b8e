"""A network whose synapses all weigh the same: what do its delays learn, and evolve?"""
