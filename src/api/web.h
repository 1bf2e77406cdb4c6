/*
 * The web app: its files from the executable, and index.html for every page address of its own.
 *
 * It needs no credential: it is the same for everybody and holds nothing of anybody.
 */
#ifndef EIDOLON_API_WEB_H
#define EIDOLON_API_WEB_H

#include "api/call.h"

/* Answers GET and HEAD of an asset, or of any page address when the client takes HTML. False: not ours. */
bool web_answer(struct call *call) LOOP;

#endif
