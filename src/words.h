/* words - a socket as words, for watch; see words.c */
#ifndef WORDS_H
#define WORDS_H

#include "net.h"

#define WORDS_SIZE 512

bool is_tcp(int fd);
void describe(int fd, char *buf);
int print_names(const char *text);
int list_process(const char *text);
int make_call(const char *call, char **words);

#endif
