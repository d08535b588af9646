"""What is to be computed: grids, cells, options and hyperparameters, all resolved while loading."""
