"""URLs that lead, or try to lead, to what is not public. `{port}` is that of a peer that must not be reached.

For everything that calls on a tenant's word: each caller is tried with all of them.
"""

LOOPBACK = [
    "http://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "https://127.0.0.1.:{port}/",
    "https://127.255.255.254:{port}/",
    "https://0.0.0.0:{port}/",
    "https://localhost:{port}/",
    "https://LOCALHOST:{port}/",
    "https://localhost.:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[0:0:0:0:0:0:0:1]:{port}/",
]

# What inet_aton takes: fewer parts, decimal, octal, hexadecimal, and all of them mixed.
NUMBERS = [
    "https://127.1:{port}/",
    "https://127.0.1:{port}/",
    "https://0:{port}/",
    "https://2130706433:{port}/",
    "https://0x7f000001:{port}/",
    "https://0X7F000001:{port}/",
    "https://0x7f.0.0.1:{port}/",
    "https://0x7f.1:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://0177.1:{port}/",
    "https://00000177.0.0.1:{port}/",
    "https://017700000001:{port}/",
    "https://127.000.000.001:{port}/",
    "https://0x7f.0.0x0.01:{port}/",
]

# Digits and dots of other scripts, which IDNA maps to ours; letters in circles; percent signs.
LOOKALIKES = [
    "https://\uff11\uff12\uff17.0.0.1:{port}/",
    "https://\uff11\uff12\uff17.1:{port}/",
    "https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{port}/",
    "https://127\u30020\u30020\u30021:{port}/",
    "https://127\uff0e0\uff0e0\uff0e1:{port}/",
    "https://127\uff610\uff610\uff611:{port}/",
    "https://\u0661\u0662\u0667.\u0660.\u0660.\u0661:{port}/",
    "https://\u24db\u24deca\u24dbhost:{port}/",
    "https://%31%32%37.0.0.1:{port}/",
    "https://127.0.0.1%2f@127.0.0.1:{port}/",
]

# IPv6 that carries an IPv4 address: mapped, compatible, translated, NAT64 (also of one's own), 6to4, Teredo.
CARRIED = [
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[0:0:0:0:0:ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[::ffff:0:127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[64:ff9b::127.0.0.1]:{port}/",
    "https://[64:ff9b:1::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/",
    "https://[2001:0:7f00:1::]:{port}/",
]

NOT_PUBLIC = [
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[fc00::1]/",
    "https://[fe80::1]:{port}/",
    "https://[fe80::1%25lo]:{port}/",
    "https://[fe80::1%lo]:{port}/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[100::1]/",
]

METADATA = [
    "https://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "https://2852039166/latest/meta-data/",
    "https://0xa9fea9fe/latest/meta-data/",
    "https://0251.0376.0251.0376/latest/meta-data/",
    "https://[::ffff:a9fe:a9fe]/latest/meta-data/",
    "https://[64:ff9b::a9fe:a9fe]/latest/meta-data/",
    "https://[2002:a9fe:a9fe::]/latest/meta-data/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://169.254.170.2/v2/credentials/",
    "https://100.100.100.200/latest/meta-data/",
    "https://192.0.0.192/",
]

CREDENTIALS = [
    "https://user:secret@127.0.0.1:{port}/",
    "https://8.8.8.8@127.0.0.1:{port}/",
    "https://8.8.8.8:443@127.0.0.1:{port}/",
    "https://shop.example.org%40@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}@127.0.0.1:{port}/",
    "https://@127.0.0.1:{port}/",
]

NO_URLS = [
    "ftp://127.0.0.1:{port}/",
    "ws://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "data:text/plain,hello",
    "unix:///var/run/docker.sock",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "https:127.0.0.1:{port}",
    "https:/127.0.0.1:{port}/",
    "https://",
    "https:///x",
    "https://a..b/",
    "https://.:{port}/",
    "https://" + "x" * 64 + ".example.org/",
    "https://127.0.0.1:99999/",
    "https://127.0.0.1:-1/",
    "https://[::1/",
    "https://[127.0.0.1]:{port}/",
    "https://127.0.0.1:{port}\r\nHost: shop.example.org/",
    "",
]

HOSTILE_URLS = [
    *LOOPBACK,
    *NUMBERS,
    *LOOKALIKES,
    *CARRIED,
    *NOT_PUBLIC,
    *METADATA,
    *CREDENTIALS,
    *NO_URLS,
]
