"""A storm: random worlds and random misfortune, and a verdict on what is left when it is over.

A round draws everything from its seed: a log of some days (`worlds`), a server that misbehaves
(`server`), commands that run one or two at a time on one data directory (`processes`), some of them
killed, disks that are full and files that are damaged (`disks`). Then all is well again, the
same commands run until they succeed, and what they leave is compared with the reference
interpreter and with what the server knows (`verdict`). `faults` names all that can go wrong,
`plans` draws a round, `rounds` runs it, `report` counts.

    python -m woopra_pipeline_tests.storm --minutes 10 [--seed 7] [--without full-disk]

A round that ends badly says its seed, which draws the same round again as far as timing allows.
Faults come from outside: the processes run the real command line, with shorter waits and a clock
that is put back to the days of the world (`preloaded`).
"""
