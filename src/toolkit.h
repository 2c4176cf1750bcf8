/* SPDX-License-Identifier: MIT */
/*
 * toolkit.h - where the toolkit is, and its scripts and programs as words of
 * rtest; net.h includes it
 */
#ifndef TOOLKIT_H
#define TOOLKIT_H

#include "net.h"

#include <ctype.h>
#include <sys/stat.h>

/*
 * tool_path - where a script or program of the toolkit would be, into @path
 * @name: as "scripts/lab", seen from this program's folder, links followed
 * Returns @path; an empty one, with errno, if the folder cannot be told.
 */
static inline char *tool_path(const char *name, char path[static PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *folder;

	path[len > 0 ? len : 0] = '\0';
	folder = strrchr(path, '/');
	if (!folder)
		return path;
	len = PATH_MAX - (folder + 1 - path);
	if (snprintf(folder + 1, (size_t)len, "%s", name) >= len) {
		errno = ENAMETOOLONG;
		path[0] = '\0';
	}
	return path;
}

/* is_installed - the scripts are beside the program, its source is not */
static inline bool is_installed(void)
{
	char path[PATH_MAX];

	return !access(tool_path("scripts/sandbox", path), X_OK) &&
	       access(tool_path("src/net.h", path), F_OK);
}

/* sandbox_command - the command that a user types for scripts/sandbox */
static inline const char *sandbox_command(void)
{
	return is_installed() ? "rtest sandbox" : "scripts/sandbox";
}

/* run_command - become the script or program @name, if there is one */
static inline void run_command(const char *name, char **argv)
{
	static const char *const folders[] = {"scripts/", ""};
	char tool[64], path[PATH_MAX];
	struct stat st;

	/* No path, and nothing hidden. */
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz")])
		return;
	for (int i = 0; i < 2; i++) {
		if (snprintf(tool, sizeof(tool), "%s%s", folders[i], name) >=
		    (int)sizeof(tool))
			return;
		if (!*tool_path(tool, path))
			die_errno("/proc/self/exe");
		if (stat(path, &st) || !S_ISREG(st.st_mode) ||
		    access(path, X_OK))
			continue;
		argv[0] = path;
		execv(path, argv);
		die_errno("run %s", path);
	}
}

/*
 * find_command - become the command that the command line names, if it is not
 * rtest itself: rtest-NAME is a link to this program, and no PORT begins with a
 * letter
 */
static inline void find_command(char **argv)
{
	const char *own = argv[0] ? strrchr(argv[0], '/') : NULL;
	const char *name = argv[0] ? argv[1] : NULL;

	own = own ? own + 1 : argv[0];
	if (own && !strncmp(own, "rtest-", 6) && own[6])
		run_command(own + 6, argv);
	/* A single letter is s or c, in the wrong place. */
	if (!name || !isalpha((unsigned char)*name) || !name[1])
		return;
	run_command(name, argv + 1);
	die_usage("'%s' is neither a port nor a command", name);
}

#endif /* TOOLKIT_H */
