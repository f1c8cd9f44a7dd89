/* SPDX-License-Identifier: MIT */
/*
 * A session: one recovery point opened on this host, from before the first change to after the last one is
 * undone.
 *
 * Its state is RUN/sessions/ID/state.json (RUN is /run/azilr), replaced as a whole at every change. What a
 * reboot does not undo by itself (the registration in Azure, open-iscsi's records, our directories) is also
 * kept, synced to disk, in VAR/sessions/ID.json (VAR is /var/lib/azilr). Both are readable by root only;
 * neither ever holds a secret. Both say which machine and which boot they are of ("machine", "boot"): what is of
 * another boot is as good as what is in VAR, and what is of another machine is told by session_is_foreign().
 *
 * The undo list in that state is the one clean-up path: a change to the host is entered with session_will()
 * before it is made, and `unmount`, a failed `mount` and recovery after a crash all walk the same list
 * backwards.
 */
#ifndef AZILR_SESSION_SESSION_H
#define AZILR_SESSION_SESSION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "util/error.h"
#include "util/wait.h"

/* Where state lives; tests use places of their own. */
struct session_places {
    const char *run;
    const char *var;
};

extern const struct session_places session_host_places;

#define SESSION_ID_MAX 48 /* bytes; an iface name made of it must stay under open-iscsi's ISCSI_MAX_IFACE_LEN of 65 */

struct session {
    char *id;
    char *directory; /* RUN/sessions/ID */
    char *var;       /* VAR, which a session that ends may take away as long as nothing is in it */
    char *var_file;  /* VAR/sessions/ID.json */
    int lock_fd;     /* flock()ed for as long as the session is open; children that change the host inherit it */
    cJSON *state;    /* free for metadata beside "undo", which belongs to this module */
    char *var_saved; /* what var_file holds, NULL if it is not there */
};

/* Whether text can be an id: 1 to SESSION_ID_MAX of [A-Za-z0-9._-], not beginning with a dot or a dash. */
bool session_id_is_valid(const char *text);

/*
 * An id made of a VM's name and a moment or other mark: "web01-20261120T030000Z". What an id cannot hold
 * becomes '-', and the name is cut where it is long. The caller frees it.
 */
char *session_make_id(const char *vm, const char *mark);

/*
 * Makes the session and its directories, and locks it. EXIT_BUSY if there is one by this id already. The
 * caller releases *session with session_close().
 */
int session_create(const struct session_places *places, const char *id, struct session **session, struct error **err);

/*
 * Opens a session that is there, from either place, and locks it; waits up to wait_ms for a holder of the
 * lock, then EXIT_BUSY. EXIT_NOT_FOUND if there is none by this id. A state file that cannot be read is an
 * error, never ignored.
 */
int session_open(const struct session_places *places, const char *id, int wait_ms, struct wait *wait,
                 struct session **session, struct error **err);

/* The state of a session as last saved, without locking it; *locked says whether somebody works on it now. */
int session_peek(const struct session_places *places, const char *id, cJSON **state, bool *locked, struct error **err);

/* Ids of all sessions of this host, sorted. The caller frees with session_list_free(). */
int session_list(const struct session_places *places, char ***ids, size_t *count, struct error **err);
void session_list_free(char **ids, size_t count);

/*
 * Whether another session of this host has a change of that kind in its undo list, with that text as a member of its
 * arguments. What several sessions share (a directory, a started daemon) is undone by the last of them, so each that
 * comes to use it enters it too.
 */
bool session_is_shared(const struct session_places *places, const struct session *session, const char *kind,
                       const char *member, const char *value);

/*
 * When the access ends at the latest, by what a state tells: "expires" is for certain, and "may_last_until" stands
 * there while nobody knows what has come of a renewal. Its text, in the state; NULL where that tells none. Pure.
 */
const char *session_access_end(const cJSON *state);

/*
 * Whether that has come by `now`; `unknown` is the answer where there is none. Who must be sure that the access has
 * ended, whatever the clocks, takes PROVISION_CLOCK_MARGIN_S off `now`. Pure.
 */
bool session_has_expired(const cJSON *state, time_t now, bool unknown);

/* Whether the state was made on another machine, of which this one is a copy perhaps. */
bool session_is_foreign(const cJSON *state);

/*
 * Saves the state. One of more than 16 MiB is refused (EXIT_FAILED), and what was saved before stays: a file that
 * session_open() would not read again could not be cleaned up after.
 */
int session_save(struct session *session, struct error **err);

/*
 * Enters a change that is about to be made: its kind and what is needed to undo it (arguments, owned by the
 * session from now on). survives_boot: a reboot does not undo it. Saved before this returns; on failure
 * nothing may be changed.
 */
int session_will(struct session *session, const char *kind, cJSON *arguments, bool survives_boot, struct error **err);

/*
 * The same for one of many that are about to be made: the caller saves once for all of them, with session_save(),
 * before the first is made. The change is owned by the session.
 */
const cJSON *session_enter(struct session *session, const char *kind, cJSON *arguments, bool survives_boot);

/* The newest change not yet undone, or NULL; its members are "kind" and "arguments". Owned by the session. */
const cJSON *session_last_change(const struct session *session);

/* The newest one older than `change`, or NULL. */
const cJSON *session_change_before(const struct session *session, const cJSON *change);

/* Takes a change off the list, because it has been undone, and saves. */
int session_undone(struct session *session, const cJSON *change, struct error **err);

/* Removes all trace of the session; only allowed once the undo list is empty. It stays open until
 * session_close(). */
int session_remove(struct session *session, struct error **err);

/*
 * Removes what is left of sessions that have not come to be, because azilr was killed or the power failed before the
 * first state was saved: a state that was being written, and places without a session.
 */
void session_sweep(const struct session_places *places);

/* Unlocks and frees. */
void session_close(struct session *session);

DEFINE_CLEANUP(cleanup_session_ptr, struct session *, session_close);
#define _cleanup_session_ _cleanup_(cleanup_session_ptr)

#endif
