"""The other side, run by an interpreter of its own: ``python peers.py SETTINGS``, JSON in and out.

A program, not a module: this project imports neither BindsNET (AGPL) nor spyx here, and this file
imports nothing of the project. It reads a line of JSON with what to time, answers with the seconds,
and waits for the next.
"""

import importlib
import json
import sys
import time


def bindsnet_layer(torch, n, num_steps, rate, seed):
    """N Poisson inputs to n LIF neurons, all to all; a function that simulates them."""
    network, nodes, topology = (
        importlib.import_module(f"bindsnet.network.{name}")
        for name in ("network", "nodes", "topology")
    )
    torch.manual_seed(seed)
    net = network.Network(dt=1.0)
    net.add_layer(nodes.Input(n=n), name="X")
    net.add_layer(nodes.LIFNodes(n=n), name="Y")
    weights = torch.randn(n, n)
    connection = topology.Connection(net.layers["X"], net.layers["Y"], w=weights)
    net.add_connection(connection, source="X", target="Y")
    spikes = torch.rand(num_steps, 1, n) < rate / 1000

    def run():
        net.run({"X": spikes}, time=num_steps)

    return run


def bindsnet_training(torch, settings):
    """Diehl & Cook's network learns from random spikes, some images at a time."""
    models = importlib.import_module("bindsnet.models")
    torch.manual_seed(settings["seed"])
    batch = settings["batch_size"]
    net = models.DiehlAndCook2015(
        n_inpt=settings["num_inputs"],
        n_neurons=settings["neurons"],
        batch_size=batch,
        reduction=torch.sum if batch > 1 else None,
    )
    steps = settings["image_steps"]
    shape = steps, batch, settings["num_inputs"]
    batches = [
        torch.rand(shape) < settings["rate"] / 1000 for _ in range(settings["num_images"] // batch)
    ]

    def run():
        for spikes in batches:
            net.run({"X": spikes}, time=steps)
            net.reset_state_variables()

    return run


def spyx_layer(n, num_steps, rate, seed):
    """The same layer in spyx: a dense layer and LIF neurons in one compiled scan."""
    jax = importlib.import_module("jax")
    nnx = importlib.import_module("flax.nnx")
    nn = importlib.import_module("spyx.nn")
    jnp = jax.numpy
    rngs = nnx.Rngs(seed)
    dense = nnx.Linear(n, n, use_bias=False, rngs=rngs)
    dense.kernel[...] = jax.random.normal(jax.random.key(seed), (n, n))
    model = nn.Sequential(dense, nn.LIF((n,), beta=0.99, threshold=13.0, rngs=rngs))
    drawn = jax.random.uniform(jax.random.key(seed + 1), (num_steps, 1, n))
    spikes = (drawn < rate / 1000).astype(jnp.float32)
    graph, weights = nnx.split(model)

    @jax.jit
    def simulate(weights, spikes):
        return jnp.sum(nn.run(nnx.merge(graph, weights), spikes)[0], axis=0)

    def run():
        jax.block_until_ready(simulate(weights, spikes))

    return run


def build(settings):
    """What one line of settings asks for: a function to time."""
    if settings["what"] == "spyx_layer":
        return spyx_layer(*(settings[name] for name in ("n", "num_steps", "rate", "seed")))
    torch = importlib.import_module("torch")
    torch.set_num_threads(settings["threads"])
    if settings["what"] == "bindsnet_layer":
        layer = (settings[name] for name in ("n", "num_steps", "rate", "seed"))
        return bindsnet_layer(torch, *layer)
    return bindsnet_training(torch, settings)


def main():
    """Build what the first line asks for, then time a call for each further line."""
    run = build(json.loads(sys.stdin.readline()))
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
