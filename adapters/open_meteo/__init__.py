"""The weather forecast of Open-Meteo (open-meteo.com), free of charge where it serves no trade.

Its licence (CC BY 4.0) asks to name it where its data are shown.
"""
