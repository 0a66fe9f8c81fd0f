select catalog.misfiled() as misfiled
