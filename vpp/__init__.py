"""The core of the energy cloud: domain, ports, configuration, control, runtime, backtest, web and CLI."""
