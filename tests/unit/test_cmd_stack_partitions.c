/* SPDX-License-Identifier: MIT */
/*
 * The devices of partitions are made all at once, when all of them are in the undo list. Device-mapper's part and the
 * saving are done here: __wrap_dm_create(), __wrap_session_save() (Makefile).
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "block/dm.h"
#include "check.h"
#include "cmd/mount_stack.h"
#include "util/json.h"
#include "util/run.h"
#include "util/str.h"

enum { DISKS = 3, PARTITIONS = 4, LONG_S = 60 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t asked;  /* for so many devices */
static size_t saves;  /* of the session's state */
static size_t saved;  /* so many changes were in the undo list the last time */
static bool is_late;  /* one was asked for in vain before the others were: no more of that waiting */
static bool is_early; /* a device was asked for before all were saved */

static size_t changes_of(const struct session *session)
{
    return (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(session->state, "undo"));
}

int __real_session_save(struct session *session, struct error **err);
int __wrap_session_save(struct session *session, struct error **err);

int __wrap_session_save(struct session *session, struct error **err)
{
    saves++;
    saved = changes_of(session);
    return __real_session_save(session, err);
}

int __wrap_dm_create(const struct dm_request *request, struct wait *wait, struct dm_device *made, struct error **err);

/* Fails, with a reason that says whether all were asked for before the first was answered. */
int __wrap_dm_create(const struct dm_request *request, struct wait *wait, struct dm_device *made, struct error **err)
{
    const size_t all = (size_t)DISKS * PARTITIONS;
    struct timespec end;
    int problem = 0;
    bool met;

    (void)request;
    (void)wait;
    (void)made;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += LONG_S;
    pthread_mutex_lock(&lock);
    is_early = is_early || saved < all;
    asked++;
    pthread_cond_broadcast(&changed);
    while (asked < all && problem == 0 && !is_late)
        problem = pthread_cond_timedwait(&changed, &lock, &end);
    is_late = is_late || problem != 0;
    met = asked >= all && !is_late;
    pthread_mutex_unlock(&lock);
    return error_set(err, EXIT_FAILED, met ? "made together" : "made one after another");
}

/* A disk of 8 MiB with this many primary partitions of 1 MiB. */
static void add_disk(struct mount_run *run, size_t number, char *path)
{
    _cleanup_free_ char *name = str_printf("disk%zu", number);
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 8 << 20), 0);
    for (int i = 0; i < PARTITIONS; i++) {
        char entry[16] = "\0\0\2\0\x83\xff\xff\xff\0\0\0\0\0\x08\0";

        entry[9] = (char)(8 * (i + 1));
        assert_int_equal(pwrite(fd, entry, 16, 446 + 16 * i), 16);
    }
    assert_int_equal(pwrite(fd, "\x55\xaa", 2, 510), 2);
    close(fd);
    volume_probe(volumes_add(&run->volumes, name, path, 0, 0, 8 << 20, true));
}

static void all_are_made_at_once_after_one_save(void **state)
{
    char root[] = "/tmp/azilr-tables-XXXXXX", paths[DISKS][32];
    const char *const remove[] = {"rm", "-rf", root, NULL};
    struct mount_run run = {.wait = WAIT_INIT};
    size_t before;

    (void)state;
    assert_non_null(mkdtemp(root));
    _cleanup_free_ char *run_dir = str_printf("%s/run", root), *var_dir = str_printf("%s/var", root);
    const struct session_places places = {.run = run_dir, .var = var_dir};
    assert_int_equal(session_create(&places, "web01", &run.session, NULL), 0);
    json_set_string(run.session->state, "tag", "0123abcd");
    for (size_t i = 0; i < DISKS; i++) {
        memcpy(paths[i], "/tmp/azilr-disk-XXXXXX", sizeof("/tmp/azilr-disk-XXXXXX"));
        add_disk(&run, i, paths[i]);
    }
    before = saves;
    assert_int_equal(stack_open_partitions(&run, NULL), 0);
    assert_int_equal(saves, before + 1);
    assert_int_equal(asked, DISKS * PARTITIONS);
    assert_false(is_early);
    assert_int_equal(run.volumes.count, DISKS + DISKS * PARTITIONS);
    for (size_t i = 0; i < (size_t)DISKS * PARTITIONS; i++) {
        _cleanup_free_ char *name = str_printf("disk%zup%zu", i / PARTITIONS, i % PARTITIONS + 1);
        const struct volume *volume = &run.volumes.items[DISKS + i];

        assert_string_equal(volume->name, name);
        assert_int_equal(volume->state, VOLUME_FAILED);
        assert_string_equal(volume->reason, "made together");
    }
    for (size_t i = 0; i < DISKS; i++) {
        _cleanup_free_ char *first = str_printf("see disk%zup1 and those after it", i);

        assert_int_equal(run.volumes.items[i].state, VOLUME_MEMBER);
        assert_non_null(strstr(run.volumes.items[i].reason, first));
        unlink(paths[i]);
    }
    volumes_clear(&run.volumes);
    session_close(run.session);
    assert_int_equal(run_checked(remove, NULL, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_are_made_at_once_after_one_save)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
