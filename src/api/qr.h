/*
 * QR codes (ISO/IEC 18004, by libqrencode): a text as a picture for the page, or as blocks for a terminal.
 *
 * Dark modules are drawn dark on light with the quiet zone of four modules around, whatever the theme is, as
 * cameras expect it. Pure; any thread.
 */
#ifndef EIDOLON_API_QR_H
#define EIDOLON_API_QR_H

#include "base/buf.h"
#include "base/error.h"

enum { QR_TEXT_MAX = 1000 };

/* An SVG document without size: it fills what it is put into. */
enum err qr_write_svg(struct str text, struct buf *to, struct error *e);
/* Lines of half blocks for a terminal that knows UTF-8 and colours. */
enum err qr_write_terminal(struct str text, struct buf *to, struct error *e);

#endif
