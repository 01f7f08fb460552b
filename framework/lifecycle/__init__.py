"""The life of the process: who starts it, what interrupts it, when it is started again, and how it ends."""
