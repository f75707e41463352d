#!/usr/bin/env python3
"""A training step in PyTorch, driven by scripts/bench.py (see worker.py); the peer of gpt-ddp.

    torch_train.py [--threads N]            one process
    torch_train.py --ddp P [--threads N]    P processes of N threads, DistributedDataParallel over gloo
    torch_train.py --preset names --data F  one document of F a step
    torch_train.py --allreduce --ddp P      only the all-reduce of a gradient of this size
    torch_train.py --check oracle.json      loss and gradients against the numpy oracle
"""

import argparse
import itertools
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import worker  # noqa: E402
from torch_model import GPT, check_oracle, torch  # noqa: E402


def parse_options():
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--preset", choices=("shakespeare", "names"), default="shakespeare")
    preset = first.parse_known_args()[0].preset
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], parents=[first])
    worker.add_model_options(parser, preset)
    parser.add_argument("--threads", type=int, default=1, help="threads of each process, default 1")
    parser.add_argument("--ddp", type=int, default=0, metavar="P", help="processes; 0 = no DDP")
    parser.add_argument("--allreduce", action="store_true", help="time the all-reduce alone")
    parser.add_argument("--data", metavar="FILE", help="documents for --preset names, one a line")
    parser.add_argument("--check", metavar="FILE", help="compare with the oracle and end")
    options = parser.parse_args()
    if options.allreduce and options.ddp < 2:
        parser.error("--allreduce needs --ddp 2 or more")
    if options.ddp and options.batch_size % options.ddp:
        parser.error(f"--ddp {options.ddp} does not divide --batch-size {options.batch_size}")
    if (options.preset == "names") != bool(options.data):
        parser.error("--preset names and --data FILE go together")
    return options


def make_batches(options, world):
    """A function that gives the next inputs and targets of this process."""
    if options.preset == "names":
        documents, options.vocab_size = worker.read_documents(options.data, options.block_size)
        endless = itertools.cycle(torch.tensor([document]) for document in documents)
        return lambda: next(endless)
    # Random tokens: the time of a step does not depend on the text.
    generator = torch.Generator().manual_seed(1)
    shape = (options.batch_size // world, options.block_size + 1)
    return lambda: torch.randint(0, options.vocab_size, shape, generator=generator)


def make_step(options, world):
    """A function that does one step of this process's share of the batch."""
    torch.manual_seed(42)
    next_tokens = make_batches(options, world)
    model = GPT(options.vocab_size, options.n_embd, options.n_layer, options.block_size, options.n_head)
    if options.allreduce:
        gradient = torch.zeros(sum(parameter.numel() for parameter in model.parameters()))
        return lambda: torch.distributed.all_reduce(gradient)
    betas = (0.85, 0.99) if options.preset == "names" else (0.9, 0.98)
    if world > 1:
        trained = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    else:
        trained = model
    # A constant rate: a schedule costs nothing and DDP has none.
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4, betas=betas, eps=1e-8, fused=True)

    def step():
        tokens = next_tokens()
        loss, _ = trained(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def follow(rank, options, store, commands):
    """A process of DDP other than the first: does as many steps as the first tells it."""
    join_group(rank, options, store)
    step = make_step(options, options.ddp)
    while True:
        command = commands.recv()
        if command == "quit":
            break
        if command == "memory":
            commands.send(worker.peak_bytes())
            continue
        torch.distributed.barrier()
        for _ in range(command):
            step()
    torch.distributed.destroy_process_group()


def join_group(rank, options, store):
    torch.set_num_threads(options.threads)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=options.ddp)


def lead(options):
    """The first process of DDP."""
    context = torch.multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        pipes, processes = [], []
        for rank in range(1, options.ddp):
            ours, theirs = context.Pipe()
            process = context.Process(target=follow, args=(rank, options, store, theirs), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            processes.append(process)
        join_group(0, options, store)
        step = make_step(options, options.ddp)

        def run(count):
            for pipe in pipes:
                pipe.send(count)
            torch.distributed.barrier()
            return {"seconds": worker.timed(step, count)}

        def memory():
            """The largest of the processes."""
            for pipe in pipes:
                pipe.send("memory")
            return max([worker.peak_bytes()] + [pipe.recv() for pipe in pipes])

        run(2)
        worker.serve(run, describe(options), memory)
        for pipe in pipes:
            pipe.send("quit")
        for process in processes:
            process.join(10)
        torch.distributed.destroy_process_group()


def describe(options):
    return {"torch": torch.__version__, "processes": max(1, options.ddp), "threads": options.threads}


def main():
    options = parse_options()
    if options.check:
        check_oracle(worker.load_oracle(options.check))
    elif options.ddp > 1:
        lead(options)
    else:
        torch.set_num_threads(options.threads)
        step = make_step(options, 1)
        worker.timed(step, 2)
        worker.serve(lambda count: {"seconds": worker.timed(step, count)}, describe(options))


if __name__ == "__main__":
    main()
