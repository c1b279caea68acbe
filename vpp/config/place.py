"""Currency, time zone, country, forecaster and weather of a portfolio: all known to somebody."""

from difflib import get_close_matches
from zoneinfo import available_timezones

import holidays

from vpp.config.draft import Draft
from vpp.config.entries import WeatherEntry
from vpp.config.findings import Findings, instead
from vpp.domain.weather import WeatherSupply
from vpp.ports import plugins

LAST_PORT = 65535
CURRENCIES = frozenset(
    code
    for line in (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN",
        "BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR",
        "FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD",
        "JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD",
        "MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP",
        "PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC",
        "SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF",
        "XCD XCG XOF XPF YER ZAR ZMW ZWG",
    )
    for code in line.split()
)
"""ISO 4217 codes of national currencies."""


def check_place(draft: Draft, findings: Findings) -> None:
    """Check the portfolio's codes and names against what exists, in the world and on this host."""
    portfolio = draft.portfolio
    if portfolio is None:
        return
    if portfolio.currency not in CURRENCIES:
        _unknown(
            "currency", portfolio.currency, CURRENCIES, "an ISO 4217 code such as KRW", findings
        )
    if portfolio.time_zone not in (zones := available_timezones()):
        _unknown(
            "time_zone", portfolio.time_zone, zones, "an IANA name such as Asia/Seoul", findings
        )
    countries = {code for code in holidays.list_supported_countries() if len(code) == 2}
    if portfolio.country not in countries:
        _unknown("country", portfolio.country, countries, "an ISO 3166 code such as KR", findings)
    installed = plugins.names(plugins.FORECASTERS)
    if (forecaster := portfolio.forecaster) not in installed:
        problem = f"no forecaster {forecaster!r} is installed"
        findings.add(("portfolio", "forecaster"), problem, instead(forecaster, installed))


def check_weather(draft: Draft, findings: Findings, base_port: int) -> None:
    """Check who forecasts the weather, and where."""
    weather = draft.weather
    if weather is None:
        return
    installed = plugins.names(plugins.WEATHER)
    if weather.source not in installed:
        problem = f"no weather source {weather.source!r} is installed"
        findings.add(("weather", "source"), problem, instead(weather.source, installed))
    if weather.port_offset is not None:
        if weather.address is not None:
            findings.add(("weather", "port_offset"), "stands beside 'address'", "one of the two")
        if base_port + weather.port_offset > LAST_PORT:
            problem = f"port {base_port} + {weather.port_offset} is above {LAST_PORT}"
            findings.add(("weather", "port_offset"), problem, "a lower base port or offset")


def weather_of(stated: WeatherEntry | None, base_port: int) -> WeatherSupply | None:
    """Without an address of its own, where the source usually finds its server."""
    if stated is None:
        return None
    address = stated.address or ""
    if stated.port_offset is not None:
        address = f"http://127.0.0.1:{base_port + stated.port_offset}"
    return WeatherSupply(source=stated.source, address=address)


def _unknown(
    key: str, given: str, known: frozenset[str] | set[str], shape: str, findings: Findings
) -> None:
    by_capitals = {name.upper(): name for name in known}
    close = [by_capitals[given.upper()]] if given.upper() in by_capitals else []
    close = close or get_close_matches(given, sorted(known), n=1, cutoff=0.7)
    remedy = f"{shape}; did you mean {close[0]}?" if close else shape
    findings.add(("portfolio", key), f"{given!r} is unknown", remedy)
