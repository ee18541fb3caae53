"""sshd_config: keywords that sshd does not know, and values it does not take."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LINES = 5000
_YES_NO = frozenset(
    [
        "allowagentforwarding",
        "allowstreamlocalforwarding",
        "alloctcpforwarding",
        "challengeresponseauthentication",
        "exposeauthinfo",
        "gssapiauthentication",
        "gssapicleanupcredentials",
        "gssapistrictacceptorcheck",
        "gssapikeyexchange",
        "gssapistorecredentialsonrekey",
        "hostbasedauthentication",
        "hostbasedusesnamefrompacketonly",
        "ignoreuserknownhosts",
        "kbdinteractiveauthentication",
        "kerberosauthentication",
        "kerberosgetafstoken",
        "kerberosorlocalpasswd",
        "kerberosticketcleanup",
        "passwordauthentication",
        "permitemptypasswords",
        "permittty",
        "permituserrc",
        "printlastlog",
        "printmotd",
        "pubkeyauthentication",
        "streamlocalbindunlink",
        "strictmodes",
        "tcpkeepalive",
        "usedns",
        "usepam",
        "x11forwarding",
        "x11uselocalhost",
        "debianbanner",
    ]
)
_OTHER = frozenset(
    [
        "acceptenv",
        "addressfamily",
        "allowgroups",
        "allowtcpforwarding",
        "allowusers",
        "authenticationmethods",
        "authorizedkeyscommand",
        "authorizedkeyscommanduser",
        "authorizedkeysfile",
        "authorizedprincipalscommand",
        "authorizedprincipalscommanduser",
        "authorizedprincipalsfile",
        "banner",
        "casignaturealgorithms",
        "channeltimeout",
        "chrootdirectory",
        "ciphers",
        "clientalivecountmax",
        "clientaliveinterval",
        "compression",
        "denygroups",
        "denyusers",
        "disableforwarding",
        "fingerprinthash",
        "forcecommand",
        "gatewayports",
        "gssapikexalgorithms",
        "hostbasedacceptedalgorithms",
        "hostbasedacceptedkeytypes",
        "hostcertificate",
        "hostkey",
        "hostkeyagent",
        "hostkeyalgorithms",
        "ignorerhosts",
        "include",
        "ipqos",
        "kexalgorithms",
        "listenaddress",
        "logingracetime",
        "loglevel",
        "logverbose",
        "macs",
        "match",
        "maxauthtries",
        "maxsessions",
        "maxstartups",
        "modulifile",
        "moduli",
        "permitlisten",
        "permitopen",
        "permitrootlogin",
        "permittunnel",
        "permituserenvironment",
        "persourcemaxstartups",
        "persourcenetblocksize",
        "persourcepenalties",
        "persourcepenaltyexemptlist",
        "pidfile",
        "port",
        "pubkeyacceptedalgorithms",
        "pubkeyacceptedkeytypes",
        "pubkeyauthoptions",
        "rdomain",
        "refuseconnection",
        "rekeylimit",
        "requiredrsasize",
        "revokedkeys",
        "rsaminsize",
        "securitykeyprovider",
        "setenv",
        "sshdauthpath",
        "sshdsessionpath",
        "streamlocalbindmask",
        "subsystem",
        "syslogfacility",
        "trustedusercakeys",
        "unusedconnectiontimeout",
        "uselogin",
        "useprivilegeseparation",
        "versionaddendum",
        "x11displayoffset",
        "xauthlocation",
        "protocol",
        "keyregenerationinterval",
        "serverkeybits",
        "rhostsrsaauthentication",
        "rsaauthentication",
        "dsaauthentication",
        "skeyauthentication",
        "showpatchlevel",
        "authorizedkeysfile2",
        "gssusesessionccache",
        "usevs",
        "usefips",
        "gssapienablek5users",
        "gssapiindicators",
        "cryptopolicy",
        "afstokenpassing",
        "kerberostgtpassing",
        "checkmail",
        "mailcheck",
        "keepalive",
        "verifyreversemapping",
        "reversemappingcheck",
        "sshpamauthentication",
        "pamauthenticationviakbdint",
        "rhostsauthentication",
        "useblacklist",
        "permitblacklistedkeys",
        "permitremoteopen",
    ]
)
_VALUES = {
    "permitrootlogin": {
        "yes",
        "no",
        "prohibit-password",
        "without-password",
        "forced-commands-only",
    },
    "addressfamily": {"any", "inet", "inet6"},
}


@dataclass(frozen=True)
class Fault:
    """A line that sshd would stop at."""

    number: int
    text: str
    why: str


def faults(text: str) -> list[Fault]:
    """The lines that no sshd takes."""
    found = []
    for number, raw in enumerate(text.split("\n")[:MOST_LINES], 1):
        line = raw.strip(" \t\r\f")
        if not line or line.startswith("#"):
            continue
        why = _fault(line)
        if why:
            found.append(Fault(number, line, why))
    return found


def _fault(line: str) -> str:
    words = line.replace("=", " ", 1).split()
    keyword = words[0].strip('"').lower() if words else ""
    if keyword not in _YES_NO and keyword not in _OTHER:
        return "an unknown keyword"
    if len(words) < 2:
        return "no value"
    if line.count('"') % 2:
        return "a quote that is not closed"
    value = words[1].strip('"').lower()
    if keyword in _YES_NO and value not in ("yes", "no", "true", "false"):
        return "neither yes nor no" if keyword not in _WIDER else ""
    if keyword in _VALUES and value not in _VALUES[keyword]:
        return "a value that sshd does not take"
    if keyword == "port" and not (
        value.isascii() and value.isdigit() and 0 < int(value[:9]) < 65536
    ):
        return "no port number"
    return ""


_WIDER = {"allowagentforwarding", "allowstreamlocalforwarding", "pubkeyauthentication"}
