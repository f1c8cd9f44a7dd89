/* SPDX-License-Identifier: MIT */
/* Azure's REST services, the portals that are known, and the clock; all at once, since each may have to be waited for.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "azure/http.h"
#include "azure/url.h"
#include "cmd/azure_access.h"
#include "cmd/doctor.h"
#include "cmd/status.h"
#include "tunnel/probe.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/pool.h"
#include "util/str.h"

static const int64_t REQUEST_TIMEOUT_MS = 15 * 1000;
static const size_t MAX_ANSWER = (size_t)1 << 20;
static const int PORTAL_PORT = 3260;
#define MAX_PORTALS 8

/*
 * The sign-in service takes an assertion that is off by up to 5 minutes (Microsoft identity platform, certificate
 * credentials); from then on it refuses.
 */
static const long SKEW_NOTABLE_S = 30;
static const long SKEW_TOO_MUCH_S = 300;

enum service { SERVICE_MANAGEMENT, SERVICE_SIGN_IN, SERVICE_COUNT };

/* What one thread does, and what it found. */
struct probe {
    const struct doctor *doctor;
    char *url;             /* of a service; NULL for a portal */
    bool optional;         /* a failure need not matter */
    char *portal, *origin; /* host, and where it is known from */
    int port;
    struct doctor_findings findings;
    bool skew_known;
    long skew_s; /* this host's clock before the service's */
};

struct probes {
    struct probe list[SERVICE_COUNT + MAX_PORTALS];
    size_t count;
    int64_t deadline_ms; /* as in struct wait */
};

static void probes_clear(struct probes *probes)
{
    for (size_t i = 0; i < probes->count; i++) {
        free(probes->list[i].url);
        free(probes->list[i].portal);
        free(probes->list[i].origin);
        doctor_findings_clear(&probes->list[i].findings);
    }
}

/* --- REST --- */

static const struct step {
    const char *check;
    enum http_reached reached; /* once it is behind us */
    const char *done, *done_by_proxy;
} steps[] = {
    {"dns", HTTP_REACHED_ADDRESS, "the name has an address", "the proxy's name has an address"},
    {"tcp", HTTP_REACHED_PORT, "connected", "connected to the proxy"},
    {"tls", HTTP_REACHED_TLS, "the certificate is good", "the certificate is good"},
    {"https", HTTP_REACHED_ANSWER, "it answers", "it answers"},
};

/* A line for each step: those made, the one that failed, and those that it did not come to. */
static void tell_steps(struct probe *probe, const char *host, const struct http_answer *answer,
                       const struct error *problem)
{
    bool failed = false;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (failed)
            doctor_skip(&probe->findings, steps[i].check, host, "it did not come to that");
        else if (answer->reached >= steps[i].reached)
            doctor_ok(&probe->findings, steps[i].check, host, "%s",
                      answer->proxied ? steps[i].done_by_proxy : steps[i].done);
        else if (probe->optional)
            doctor_warn(&probe->findings, steps[i].check, host,
                        problem && problem->hint ? str_dup(problem->hint) : NULL,
                        "%s; not every way to sign in needs it", problem ? problem->message : "no answer");
        else if (problem)
            doctor_fail_by(&probe->findings, steps[i].check, host, problem);
        failed = failed || answer->reached < steps[i].reached;
    }
}

static void note_skew(struct probe *probe, const struct http_answer *answer, time_t before, time_t after)
{
    time_t theirs = http_date(answer);

    if (theirs < 0)
        return;
    probe->skew_known = true;
    /* their second lies anywhere between ours before and ours after */
    probe->skew_s = before > theirs ? (long)(before - theirs) : after < theirs ? (long)(after - theirs) : 0;
}

static void probe_service(struct probe *probe, struct wait *wait)
{
    const struct http_request request = {.url = probe->url, .max_body = MAX_ANSWER, .timeout_ms = REQUEST_TIMEOUT_MS};
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_free_ char *host = url_host(probe->url);
    _cleanup_http_ struct http *http = NULL;
    time_t before;

    if (http_open(probe->doctor->options->ca_file, &http, &problem) < 0) {
        doctor_fail_by(&probe->findings, "tls", host, problem);
        return;
    }
    before = time(NULL);
    if (http_send(http, &request, wait, &answer, &problem) == 0)
        note_skew(probe, &answer, before, time(NULL));
    tell_steps(probe, host, &answer, problem);
}

/* --- portals --- */

static void tell_certificate(const char *name, const struct portal_facts *facts, struct doctor_findings *findings)
{
    char end[CLOCK_TEXT_SIZE];

    doctor_ok(findings, "certificate", name, "good until %s; for %s; issued by %s; %s",
              facts->last_moment ? clock_format(facts->last_moment, end) : "an unknown time",
              facts->names ? facts->names : "no name", facts->issuer ? facts->issuer : "an unnamed authority",
              facts->protocol);
}

void doctor_portal(const struct doctor *doctor, const char *host, int port, const char *origin,
                   struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_free_ char *name = str_printf("%s:%d", host, port);
    _cleanup_portal_facts_ struct portal_facts facts = {0};
    _cleanup_error_ struct error *problem = NULL;
    static const char NOT_REACHED[] = "it did not come to that";

    portal_probe(host, port, doctor->options->ca_file, wait, &facts, &problem);
    if (facts.reached < PORTAL_REACHED_ADDRESS) {
        doctor_fail_by(findings, "portal-dns", name, problem);
        doctor_skip(findings, "portal-tcp", name, "%s", NOT_REACHED);
    } else {
        doctor_ok(findings, "portal-dns", name, "%s; known from %s", facts.address, origin);
        if (facts.reached < PORTAL_REACHED_PORT)
            doctor_fail_by(findings, "portal-tcp", name, problem);
        else
            doctor_ok(findings, "portal-tcp", name, "connected");
    }
    if (facts.reached < PORTAL_REACHED_PORT)
        doctor_skip(findings, "certificate", name, "%s", NOT_REACHED);
    else if (facts.reached < PORTAL_REACHED_TLS)
        doctor_fail_by(findings, "certificate", name, problem);
    else
        tell_certificate(name, &facts, findings);
}

static void add_portal(struct probes *probes, const struct doctor *doctor, const char *host, int port,
                       const char *origin)
{
    for (size_t i = 0; i < probes->count; i++)
        if (str_equal(probes->list[i].portal, host) && probes->list[i].port == port)
            return;
    if (probes->count == sizeof(probes->list) / sizeof(probes->list[0]))
        return;
    probes->list[probes->count++] =
        (struct probe){.doctor = doctor, .portal = str_dup(host), .port = port, .origin = str_dup(origin)};
}

/* Those of the sessions; every portal that Azure gives has this port. */
static void add_portals_of_sessions(struct probes *probes, const struct doctor *doctor)
{
    _cleanup_json_ cJSON *sessions = json_new_array();
    const cJSON *session;

    if (geteuid() != 0 || status_collect(sessions, NULL) < 0)
        return;
    cJSON_ArrayForEach(session, sessions)
    {
        const char *portal = json_string(session, "portal"), *id = json_string(session, "id");
        _cleanup_free_ char *origin = str_printf("session %s", id ? id : "?");

        if (portal)
            add_portal(probes, doctor, portal, PORTAL_PORT, origin);
    }
}

/* --- the group --- */

/* A token that is there already, and a managed identity, are had without the sign-in service. */
static bool signs_in_elsewhere(const struct options *options)
{
    const char *token = getenv("AZURE_ACCESS_TOKEN");

    return options->token_file || (token && *token) || str_equal(options->auth, "token") ||
           str_equal(options->auth, "managed-identity");
}

static void add_services(struct probes *probes, const struct doctor *doctor, struct doctor_findings *findings)
{
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_free_ char *authority = NULL;
    _cleanup_free_ char *endpoint = NULL;

    if (doctor->options->script) {
        doctor_skip(findings, "https", NULL, "a mount with --script does not ask Azure's REST service");
        return;
    }
    if (azure_access_places(doctor->options, &endpoint, &authority, &problem) < 0) {
        doctor_fail_by(findings, "https", NULL, problem);
        return;
    }
    /* asked for without a token, both answer with a refusal or a redirect, which is an answer */
    probes->list[probes->count++] =
        (struct probe){.doctor = doctor,
                       .url = str_printf("%s%ssubscriptions?api-version=2022-12-01", endpoint,
                                         str_ends_with(endpoint, "/") ? "" : "/")};
    if (signs_in_elsewhere(doctor->options))
        doctor_skip(findings, "https", "sign-in service", "a token is there, or had from this machine");
    else
        probes->list[probes->count++] = (struct probe){
            .doctor = doctor,
            .url = str_printf("%s%scommon/oauth2/v2.0/authorize", authority, str_ends_with(authority, "/") ? "" : "/"),
            .optional = !doctor->options->auth && !getenv("AZURE_TENANT_ID")};
}

static void run_probe(void *argument, size_t i, struct wait *wait)
{
    struct probes *probes = argument;
    struct probe *probe = &probes->list[i];

    wait->deadline_ms = probes->deadline_ms;
    if (probe->url)
        probe_service(probe, wait);
    else
        doctor_portal(probe->doctor, probe->portal, probe->port, probe->origin, &probe->findings, wait);
}

static void check_clock(const struct probes *probes, struct doctor_findings *findings)
{
    const struct probe *probe = NULL;
    long seconds;

    for (size_t i = 0; i < probes->count && !probe; i++)
        if (probes->list[i].skew_known)
            probe = &probes->list[i];
    if (!probe) {
        doctor_skip(findings, "clock", NULL, "no service has told the time");
        return;
    }
    seconds = labs(probe->skew_s);
    if (seconds <= SKEW_NOTABLE_S)
        doctor_ok(findings, "clock", NULL, "agrees with Azure's");
    else if (seconds <= SKEW_TOO_MUCH_S)
        doctor_warn(findings, "clock", NULL, str_dup("timedatectl set-ntp true"), "is %ld s %s Azure's", seconds,
                    probe->skew_s > 0 ? "ahead of" : "behind");
    else
        doctor_fail(findings, "clock", NULL, EXIT_HOST, str_dup("timedatectl set-ntp true"),
                    "is %ld s %s Azure's: tokens seem expired or not valid yet, and are refused", seconds,
                    probe->skew_s > 0 ? "ahead of" : "behind");
}

static void add_portals(struct probes *probes, const struct doctor *doctor, struct doctor_findings *findings)
{
    size_t before = probes->count;

    if (doctor->script_problem)
        doctor_fail_by(findings, "script", doctor->options->script, doctor->script_problem);
    else if (doctor->connection.portal_host)
        add_portal(probes, doctor, doctor->connection.portal_host, doctor->connection.portal_port, "the script");
    add_portals_of_sessions(probes, doctor);
    if (probes->count == before)
        doctor_skip(findings, "portal-tcp", NULL,
                    "no portal is known before a mount; with --script FILE that script's is tried");
}

void doctor_network(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_(probes_clear) struct probes probes = {.deadline_ms = wait->deadline_ms};
    _cleanup_error_ struct error *problem = NULL;
    struct wait signals = *wait;

    /* each probe keeps to the time limit by itself, and says at which step it was over */
    signals.deadline_ms = 0;
    add_services(&probes, doctor, findings);
    add_portals(&probes, doctor, findings);
    (void)pool_run(probes.count, run_probe, &probes, &signals, &problem);
    wait->signal = signals.signal;
    for (size_t i = 0; i < probes.count; i++)
        doctor_append(findings, &probes.list[i].findings);
    if (problem && problem->code != EXIT_INTERRUPTED)
        doctor_fail_by(findings, "network", NULL, problem);
    check_clock(&probes, findings);
}
