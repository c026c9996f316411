"""The processes that train: forked from a prepared process, ended with their worker.

`children` is the worker's side. `child` is the program of the prepared process and of each run's
process. `traces` holds what an attempt leaves, and `interpreter` starts a program of ours.

This does what `multiprocessing`'s `forkserver` does, which is not used because of what its source
says (the same in Python 3.11 to 3.13):

- A run there is a child of the server, not of the worker. The worker reads the exit code from a
  pipe that the server writes to. If the server is killed, it reads 255 while the run goes on, and
  a second attempt would start next to the first. Our worker adopts each run
  (`PR_SET_CHILD_SUBREAPER`), waits for the run itself and sees the signal that ended it; a
  prepared process may die without harm.
- A killed worker would end neither the run nor the server: both keep the pipe open that the server
  watches, and nobody watches the one that tells the run. Our prepared process and our run each read
  a socket of the worker, and end when it closes. The run's is its stdin, over which the worker also
  says which run to do, `pause` and `stop`; `forkserver` gives its children /dev/null there.
- There is one server a process, with the environment of its first use. A worker has a prepared
  process for each device slot. Its environment names the device (`CUDA_VISIBLE_DEVICES`) and tunes
  OpenMP and malloc, which read it before a child could change it.
- Runs would share the worker's session: a Ctrl-C in the terminal would reach them, and Linux, which
  shares the processor among sessions first, would not put the page first
  (`interpreter.lower_priority`). Each of ours leads its own.
- `Process.start()` waits until the server has imported everything: 6 to 8 seconds in which the slot
  neither renews its lease nor sees that its run is cancelled. `RunProcess` asks, and does not
  wait until the process is there.
- It sends a pickled object. Here only the run's id and the number of the attempt are sent.
"""
