/* Certificates of our own; see local_cert.h. */
#include "net/local_cert.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_S = 24 * 3600, SERIAL_BYTES = 16, NAME_MAX_BYTES = 256 };

/* ---- names ---- */

/* Interfaces of containers and virtual machines: no phone comes through them. */
static bool is_virtual(const char *interface)
{
    static const char *const starts[] = {"docker", "veth",    "br-", "virbr",
                                         "vmnet",  "vboxnet", "cni", "flannel"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (!strncmp(interface, starts[i], strlen(starts[i])))
            return true;
    return false;
}

static bool is_address(struct str name, char text[INET6_ADDRSTRLEN])
{
    unsigned char bytes[16];
    return str_copy(text, INET6_ADDRSTRLEN, name) &&
           (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1);
}

/* Addresses that the whole world reaches are not the authority's to vouch for. */
static bool is_private(struct str name)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (!is_address(name, text))
        return true;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        uint32_t ip = ntohl(v4.s_addr);
        return ip >> 24 == 127 || ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 ||
               ip >> 16 == 0xa9fe || ip >> 22 == (0x64400000u >> 22);
    }
    return inet_pton(AF_INET6, text, &v6) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&v6) || (v6.s6_addr[0] & 0xfe) == 0xfc);
}

static void add_name(struct local_names *names, struct str name)
{
    for (size_t i = 0; i < names->n; i++)
        if (str_ieq(names->v[i], name))
            return;
    if (names->n < LOCAL_NAMES_MAX && name.n)
        names->v[names->n++] = name;
}

static void add_addresses(struct arena *a, const struct ifaddrs *first, int family, struct local_names *names)
{
    for (const struct ifaddrs *at = first; at; at = at->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        if (!at->ifa_addr || at->ifa_addr->sa_family != family || !(at->ifa_flags & IFF_UP) ||
            (at->ifa_flags & IFF_LOOPBACK) || is_virtual(at->ifa_name))
            continue;
        const struct sockaddr_in *v4 = (const void *)at->ifa_addr;
        const struct sockaddr_in6 *v6 = (const void *)at->ifa_addr;
        /* Link-local addresses need a zone, which a URL in a browser cannot carry. */
        if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
            continue;
        if (inet_ntop(family, family == AF_INET ? (const void *)&v4->sin_addr : &v6->sin6_addr, text,
                      sizeof text) &&
            is_private(str_c(text)))
            add_name(names, arena_str(a, str_c(text)));
    }
}

void local_names_find(struct arena *a, struct local_names *out)
{
    char host[NAME_MAX_BYTES] = "";
    struct ifaddrs *interfaces = NULL;
    *out = (struct local_names){.v = arena_array(a, struct str, LOCAL_NAMES_MAX)};
    add_name(out, STR("localhost"));
    add_name(out, STR("127.0.0.1"));
    add_name(out, STR("::1"));
    out->reachable = out->n;
    if (getifaddrs(&interfaces) == 0) {
        add_addresses(a, interfaces, AF_INET, out);
        add_addresses(a, interfaces, AF_INET6, out);
        freeifaddrs(interfaces);
    }
    /* What multicast DNS calls it (RFC 6762). */
    if (gethostname(host, sizeof host - 1) == 0 && host[0] && strcmp(host, "localhost") != 0) {
        host[strcspn(host, ".")] = '\0';
        add_name(out, arena_printf(a, "%s.local", host));
    }
}

/* ---- making ---- */

static enum err openssl_error(const char *what, struct error *e)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    enum err err = error_set(e, ERR_INTERNAL, "%s (%s).", what, why ? why : "unknown reason");
    ERR_clear_error();
    return err;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool good = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

/* A certificate without extensions and signature: version 3, a random serial, from an hour ago. */
static X509 *blank(const char *common_name, EVP_PKEY *key, long days)
{
    unsigned char serial[SERIAL_BYTES];
    X509 *cert = X509_new();
    BIGNUM *number = NULL;
    bool good = cert && RAND_bytes(serial, sizeof serial) == 1;
    serial[0] &= 0x7f; /* a serial is positive */
    good = good && (number = BN_bin2bn(serial, sizeof serial, NULL)) &&
           BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) &&
           X509_set_version(cert, X509_VERSION_3) && X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY_S) && X509_set_pubkey(cert, key) &&
           X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "O", MBSTRING_UTF8,
                                      (const unsigned char *)"Eidolon", -1, -1, 0) &&
           X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0);
    BN_free(number);
    if (good)
        return cert;
    X509_free(cert);
    return NULL;
}

/* What the authority may sign: names that only a home has, private and link-local addresses (RFC 6762, 8375,
 * 1918, 6598, 4193). */
static const char permitted[] =
    "critical,permitted;DNS:localhost,permitted;DNS:local,permitted;DNS:home.arpa,"
    "permitted;IP:127.0.0.0/255.0.0.0,permitted;IP:10.0.0.0/255.0.0.0,permitted;IP:172.16.0.0/255.240.0.0,"
    "permitted;IP:192.168.0.0/255.255.0.0,permitted;IP:169.254.0.0/255.255.0.0,"
    "permitted;IP:100.64.0.0/255.192.0.0,permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,"
    "permitted;IP:fc00::/fe00::";

static X509 *make_ca(EVP_PKEY *key)
{
    char host[NAME_MAX_BYTES] = "this machine", name[64];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "Eidolon on %.40s", host);
    X509 *cert = blank(name, key, LOCAL_CA_DAYS);
    if (cert && X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
        add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
        add_extension(cert, cert, NID_name_constraints, permitted) && X509_sign(cert, key, EVP_sha256()))
        return cert;
    X509_free(cert);
    return NULL;
}

/* "DNS:localhost,IP:127.0.0.1,..." */
static void write_names(struct buf *to, const struct local_names *names)
{
    char text[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < names->n; i++) {
        buf_printf(to, "%s%s:%.*s", to->n ? "," : "", is_address(names->v[i], text) ? "IP" : "DNS",
                   STR_ARG(names->v[i]));
    }
}

static X509 *make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const struct local_names *names)
{
    CLEANUP_BUF struct buf list = BUF_INIT;
    X509 *cert = blank("Eidolon", key, LOCAL_CERT_DAYS);
    write_names(&list, names);
    buf_add_char(&list, '\0');
    if (cert && X509_set_issuer_name(cert, X509_get_subject_name(ca)) &&
        add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
        add_extension(cert, ca, NID_ext_key_usage, "serverAuth") &&
        add_extension(cert, ca, NID_authority_key_identifier, "keyid") &&
        add_extension(cert, ca, NID_subject_alt_name, list.p) && X509_sign(cert, ca_key, EVP_sha256()))
        return cert;
    X509_free(cert);
    return NULL;
}

/* ---- files ---- */

static void *read_pem(const char *path, bool key)
{
    FILE *f = fopen(path, "re");
    void *read = NULL;
    if (f) {
        read = key ? (void *)PEM_read_PrivateKey(f, NULL, NULL, NULL)
                   : (void *)PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
    }
    ERR_clear_error();
    return read;
}

/* Beside its place and then into it, so that no half file is ever read. */
static enum err write_pem(const char *path, EVP_PKEY *key, X509 *const *certs, size_t count, struct error *e)
{
    char beside[4096];
    snprintf(beside, sizeof beside, "%s.new", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    bool good = f && (!key || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    for (size_t i = 0; good && i < count; i++)
        good = PEM_write_X509(f, certs[i]);
    good = good && fflush(f) == 0 && fsync(fileno(f)) == 0;
    if (f)
        good &= fclose(f) == 0;
    else if (fd >= 0)
        close(fd);
    if (good && rename(beside, path) == 0)
        return ERR_OK;
    enum err err = error_set(e, ERR_IO,
                             "The certificate file '%s' could not be written (%s); free the disk or mend "
                             "the folder's permissions.",
                             path, strerror(errno));
    unlink(beside);
    return err;
}

static bool ends_within(const X509 *cert, long days)
{
    time_t then = time(NULL) + days * DAY_S;
    return X509_cmp_time(X509_get0_notAfter(cert), &then) <= 0;
}

/* Whether the certificate is for just these names, signed by this authority, and lasts. */
static bool leaf_is_good(X509 *leaf, EVP_PKEY *key, EVP_PKEY *ca_key, const struct local_names *names)
{
    char text[INET6_ADDRSTRLEN], host[NAME_MAX_BYTES];
    if (!leaf || !key || X509_check_private_key(leaf, key) != 1 || X509_verify(leaf, ca_key) != 1 ||
        ends_within(leaf, LOCAL_CERT_RENEW_DAYS)) {
        ERR_clear_error();
        return false;
    }
    for (size_t i = 0; i < names->n; i++) {
        bool has = is_address(names->v[i], text) ? X509_check_ip_asc(leaf, text, 0) == 1
                                                 : str_copy(host, sizeof host, names->v[i]) &&
                                                       X509_check_host(leaf, host, 0, 0, NULL) == 1;
        if (!has)
            return false;
    }
    return true;
}

struct work {
    struct str ca_file, ca_key_file, cert_file, key_file; /* NUL-terminated */
    X509 *ca, *leaf;
    EVP_PKEY *ca_key, *key;
};

static enum err authority(struct work *w, struct error *e)
{
    w->ca = read_pem(w->ca_file.p, false);
    w->ca_key = read_pem(w->ca_key_file.p, true);
    if (w->ca && w->ca_key && X509_check_private_key(w->ca, w->ca_key) == 1 &&
        !ends_within(w->ca, LOCAL_CERT_DAYS))
        return ERR_OK;
    X509_free(w->ca);
    EVP_PKEY_free(w->ca_key);
    w->ca = NULL;
    w->ca_key = EVP_EC_gen("P-256");
    if (!w->ca_key || !(w->ca = make_ca(w->ca_key)))
        return openssl_error("A certificate authority of our own could not be made", e);
    enum err err = write_pem(w->ca_key_file.p, w->ca_key, NULL, 0, e);
    return err ? err : write_pem(w->ca_file.p, NULL, &w->ca, 1, e);
}

static enum err certificate(struct work *w, const struct local_names *names, bool *renewed, struct error *e)
{
    w->leaf = read_pem(w->cert_file.p, false);
    w->key = read_pem(w->key_file.p, true);
    *renewed = !leaf_is_good(w->leaf, w->key, w->ca_key, names);
    if (!*renewed)
        return ERR_OK;
    X509_free(w->leaf);
    EVP_PKEY_free(w->key);
    w->leaf = NULL;
    w->key = EVP_EC_gen("P-256");
    if (!w->key || !(w->leaf = make_leaf(w->key, w->ca, w->ca_key, names)))
        return openssl_error("A certificate of our own could not be made", e);
    X509 *chain[] = {w->leaf, w->ca};
    enum err err = write_pem(w->key_file.p, w->key, NULL, 0, e);
    return err ? err : write_pem(w->cert_file.p, NULL, chain, 2, e);
}

static struct str fingerprint(struct arena *a, const X509 *cert)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    CLEANUP_BUF struct buf b = BUF_INIT;
    X509_digest(cert, EVP_sha256(), digest, &n);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&b, "%s%02X", i ? ":" : "", digest[i]);
    return arena_str(a, buf_str(&b));
}

enum err local_cert_make(struct arena *a, struct str folder, const struct local_names *names,
                         struct local_cert *out, struct error *e)
{
    struct str path = arena_printf(a, "%.*s", STR_ARG(folder));
    if (mkdir(path.p, 0700) != 0 && errno != EEXIST)
        return error_set(e, ERR_IO, "The folder '%s' for certificates could not be made (%s).", path.p,
                         strerror(errno));
    struct work w = {.ca_file = arena_printf(a, "%s/ca.crt", path.p),
                     .ca_key_file = arena_printf(a, "%s/ca.key", path.p),
                     .cert_file = arena_printf(a, "%s/server.crt", path.p),
                     .key_file = arena_printf(a, "%s/server.key", path.p)};
    enum err err = authority(&w, e);
    if (!err)
        err = certificate(&w, names, &out->renewed, e);
    if (!err) {
        out->cert_file = w.cert_file;
        out->key_file = w.key_file;
        out->ca_file = w.ca_file;
        out->fingerprint = fingerprint(a, w.ca);
    }
    X509_free(w.ca);
    X509_free(w.leaf);
    EVP_PKEY_free(w.ca_key);
    EVP_PKEY_free(w.key);
    return err;
}
