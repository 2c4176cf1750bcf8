/* SPDX-License-Identifier: MIT */
/* words - a socket as words, for watch; see words.c */
#ifndef WORDS_H
#define WORDS_H

#include "net.h"

#define WORDS_SIZE 512

bool is_tcp(int fd);
long status_of(pid_t tid, const char *name);
const char *who_forbids(pid_t pid);
void describe(int fd, char *buf);
int print_names(const char *text);
int list_process(const char *text);
int owns_net(const char *text);
const char *word(char **words, const char *name);
struct addr end_word(char **words, const char *name);
int make_call(const char *call, char **words);
int tell_range(const char *text, char **words); /* range.c */

#endif
