/* Ends the process at the rename of a fresh part, the moment when its token is logged and its rows are not there yet.
 *
 * CHAOS_TEAR names a file. While it exists it holds one line, "before <folder>" or "after <folder>": the process kills
 * itself before (or right after) the next rename of an inserted part into a path that contains <folder>; at "between
 * <folder>" before the rename of the empty part that hides what a swap replaces.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ordered(const char *path, char *moment, const char *old, const char *fresh)
{
    char folder[512];
    FILE *file;
    int read;

    /* A repeated part, whose token was found, is renamed to be removed; a projection gets its name within its part. */
    if (path == NULL || strstr(fresh, ".proj") != NULL || (strstr(old, "tmp_insert_") == NULL && strstr(old, "tmp_empty_") == NULL) || strstr(fresh, "delete_tmp_") != NULL)
        return 0;
    if ((file = fopen(path, "r")) == NULL)
        return 0;
    read = fscanf(file, "%15s %511s", moment, folder);
    fclose(file);
    if ((strcmp(moment, "between") == 0) != (strstr(old, "tmp_empty_") != NULL))
        return 0;
    return read == 2 && strstr(fresh, folder) != NULL && unlink(path) == 0;
}

/* The engine is opened so that it finds the C library's own functions before ours; not with this. */
void *dlopen(const char *library, int mode)
{
    void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");

    return real(library, mode & ~RTLD_DEEPBIND);
}

int rename(const char *old, const char *fresh)
{
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    char moment[16];
    int result;

    if (!ordered(getenv("CHAOS_TEAR"), moment, old, fresh))
        return real(old, fresh);
    if (strcmp(moment, "after") != 0)
        kill(getpid(), SIGKILL);
    result = real(old, fresh);
    kill(getpid(), SIGKILL);
    return result;
}
