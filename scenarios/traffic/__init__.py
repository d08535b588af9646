"""Traffic signal control on a CityFlow-compatible microsimulation."""
