//! Keys of nobody, made for tests: pairs that sites sign with, and some that they may not.

/// Two halves, in PEM.
#[derive(Clone, Copy, Debug)]
pub struct KeyPair {
    /// What signs, as PKCS #8; an RSA key's as PKCS #1.
    pub private: &'static str,
    /// What checks.
    pub public: &'static str,
}

/// On Ed25519.
pub const ED25519: KeyPair = KeyPair {
    private: "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAxj7Zk8uwH9JWu2HcmDC0cch4x2xJPF9FQ6LcCpzesG
-----END PRIVATE KEY-----
",
    public: "\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEADrPNCHMmmfbI85lnW6hCTcCWa3dHjvMU0JbXabCq61o=
-----END PUBLIC KEY-----
",
};

/// On P-256.
pub const P256: KeyPair = KeyPair {
    private: "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghbf728fHiyhfwiw8
4N0J6JLXrAFUbwninGVN9xVDPEmhRANCAAQWBHwEVoHSASt5ZNCxBL7VdoerM4F1
0G1G7JeY0KZGhsFsGKbxQMdmXF5G7u3f0QL+Xui8aVUFPNc/8sds9MRV
-----END PRIVATE KEY-----
",
    public: "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFgR8BFaB0gEreWTQsQS+1XaHqzOB
ddBtRuyXmNCmRobBbBim8UDHZlxeRu7t39EC/l7ovGlVBTzXP/LHbPTEVQ==
-----END PUBLIC KEY-----
",
};

/// RSA of 2048 bits.
pub const RSA: KeyPair = KeyPair {
    private: "\
-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAnpScleoSqX+g9pJdPqkxDaSj0ZWhriWQleP4NF1+cqtDT9BD
DvLvyTne9r8XQbrPiVwZpLzJYtjLfz+DGQBzZDpqyHh9BwXh+Wo7FEisVCvw6p4x
864F1TrBRLOkqnmImiAWDBkUuGWFkbDBSRdtlOxDqWWDf3Wg93XKyZp3swgWmoxS
NIea2QAcnnWa4L+sxLWeQiRgcn+thTgnlNAVAW3urFsucT2DFqXZpQ1A4uVY4x7t
zP4YKtxL02qiXR4YdtSuYYc8XwaNo1Fck3w5rB7vtJ2m0ZyGeUMu1K1TjNIJEYie
S8tR3Oi3nM1X9Sa7/5NbqlHNgGoEj8rndpG8gQIDAQABAoIBAAaTp0LYaFm7P1O6
kj9tCOnF8D1a9U+hozN0NvEFB5991tbSjlVqYeN4kPSuzCofs0fBGBcq9TcyQo5O
dgNtb1uyyIbz6EuIROzxKO4YbX04LU+tq+itSPSk8SsGQEgJrk6mEgQCbkePflCi
ggGkBRluCwhVe3Snzjs1GWnvDBPSq0ozxh350X+zXD+KE2XZh2uQDQ8kC2cVJT9n
2xd7T4uZq5kGfV0GPpejPoqCDuZ3+j0pe25RQyA52OfBKSYhF5PEajM5N7+/jEe1
3XNou2YCsM5SFXacFCJA+5cDGHbbXNYC5uOLThy3bE0MY9gmSqlZSyEfP88PSlYs
7pB3U/kCgYEA2ZyQBsHkTGzzvsiHSzp/7wiBYwzRVEZBFx9qHQOiwCCWbeVrgA3D
RNsAHe79rHvXFtUZNFrilQEK2bCZgwudadFR2/yxK1Z3IUlBUVVQdN+IJbuRnXFD
nL9bCHVYYJjbMeu7Rbu/SGOGVBRQ/qFMHNdBjzJ2mkb8R1qlxX25tzcCgYEAuo4t
/s2g6C4uR1WeKftOgMmg3UkwJa99SOyTmTp8uoOrr/5PVqbzx8HI8TuPusf8S74t
mpJBDRnnMM7Lw0U8VIXdbsc43wX9PhTqcrp6/4B6RIJJp7vActS9NyNdSWvJSGtW
NXuvM3q/KUf/L0T1q8/5+LJno6eGGJ6D0Ka5FgcCgYAvyan3Ue0Iu4RriS3s31Po
8j03u0Dc+PCiW0u6Q2oiNwXR7GfHHz6aiF1mNW2Py0JYyUNXs/2+KxRu6dFMbeiL
rGQFo2Bk3AAdVzD443tfrxb+8knwAUePzJX5LYvS6r54IARoM+q1wuVk4XFH+bP1
QXAsOjDBgIU2RjnRPOLj0QKBgA5IuKjb4cglURHRMm0QevBNf+2xnugjybn9s0d2
PPqi/lBZboW5/sx6wAIIh3bLvTunciJ1tFlmdFc+XkezU209WrkSs/4PnVZVj6X9
NVG+6p24RB99tryUIXDJWmk2wZCz90PdFosgiOaGRrm90/m10PQD5P+Y4iGccYdW
XLGdAoGBAJ3aeLFuBN9lku0S8dTg1uOfYaHSdlFTMcjqBmGUkIzw+25TtpCIe8Gr
CMli6lQ8ZOT30G7MIMRzmXo72XkGWSyThygk8bug8KRO31Pi4dmNRzjQSN60wm4t
wcHHX/FKodt+ZBQboKN9S66L5w/TnHFnt29Lv5x41t/OyPXicTD9
-----END RSA PRIVATE KEY-----
",
    public: "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnpScleoSqX+g9pJdPqkx
DaSj0ZWhriWQleP4NF1+cqtDT9BDDvLvyTne9r8XQbrPiVwZpLzJYtjLfz+DGQBz
ZDpqyHh9BwXh+Wo7FEisVCvw6p4x864F1TrBRLOkqnmImiAWDBkUuGWFkbDBSRdt
lOxDqWWDf3Wg93XKyZp3swgWmoxSNIea2QAcnnWa4L+sxLWeQiRgcn+thTgnlNAV
AW3urFsucT2DFqXZpQ1A4uVY4x7tzP4YKtxL02qiXR4YdtSuYYc8XwaNo1Fck3w5
rB7vtJ2m0ZyGeUMu1K1TjNIJEYieS8tR3Oi3nM1X9Sa7/5NbqlHNgGoEj8rndpG8
gQIDAQAB
-----END PUBLIC KEY-----
",
};

/// The RSA key as PKCS #1.
pub const RSA_PKCS1: &str = "\
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAnpScleoSqX+g9pJdPqkxDaSj0ZWhriWQleP4NF1+cqtDT9BDDvLv
yTne9r8XQbrPiVwZpLzJYtjLfz+DGQBzZDpqyHh9BwXh+Wo7FEisVCvw6p4x864F
1TrBRLOkqnmImiAWDBkUuGWFkbDBSRdtlOxDqWWDf3Wg93XKyZp3swgWmoxSNIea
2QAcnnWa4L+sxLWeQiRgcn+thTgnlNAVAW3urFsucT2DFqXZpQ1A4uVY4x7tzP4Y
KtxL02qiXR4YdtSuYYc8XwaNo1Fck3w5rB7vtJ2m0ZyGeUMu1K1TjNIJEYieS8tR
3Oi3nM1X9Sa7/5NbqlHNgGoEj8rndpG8gQIDAQAB
-----END RSA PUBLIC KEY-----
";

/// An RSA key that is too short.
pub const RSA_1024: &str = "\
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0EZAoHStWDcBkKE0eMwyqBunN
vFhyPQEz/p/ji4QTqevSdUjQG8DI/83c1Ip/hH9dyo/bFb0pQmIXSIBNcyeCeMJx
HN0UUeuDp0PJghl4RezRX21hDWay4A0y+UqBcbHApYYBcwQzaTfKkv61zGNevPdI
D10a11xpHIMUs01b7wIDAQAB
-----END PUBLIC KEY-----
";

/// A key on a curve that no token is signed with here.
pub const P384: &str = "\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEWU8+0R4QIKV9iEyuWiD1cYPzztKOiXXA
T9Boe6RXMciHS3Co76EtUiW7WBAzwQ/K3ybQcFzMzXKHD/JEQk7jNmsiimS9Of8j
/vmZPGzSsb3cTkn2qt51Tc/370+ANfY1
-----END PUBLIC KEY-----
";

/// A key that signs nothing.
pub const X25519: &str = "\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEALXY+awA9SX1C9D7LLDY3oF2tpT7yCH3bNN0DUIUfNl0=
-----END PUBLIC KEY-----
";
