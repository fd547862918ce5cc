"""Workers on a Dask cluster."""
