"""The core: domain, ports, configuration, control, runtime, backtest, web and command line."""
