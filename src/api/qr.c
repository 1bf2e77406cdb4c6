/* QR codes; see qr.h. */
#include "api/qr.h"

#include <errno.h>
#include <qrencode.h>

enum { QUIET = 4 };

static QRcode *make(struct str text, struct error *e)
{
    char copy[QR_TEXT_MAX + 1];
    if (!str_copy(copy, sizeof copy, text)) {
        error_set(e, ERR_TOO_BIG, "A text of more than %d bytes does not fit into a QR code.", QR_TEXT_MAX);
        return NULL;
    }
    QRcode *code = QRcode_encodeString8bit(copy, 0, QR_ECLEVEL_M);
    if (!code)
        error_set(e, ERR_INTERNAL, "The QR code could not be made (%m).");
    return code;
}

static bool dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width && code->data[y * code->width + x] & 1;
}

enum err qr_write_svg(struct str text, struct buf *to, struct error *e)
{
    QRcode *code = make(text, e);
    if (!code)
        return e->err;
    int size = code->width + 2 * QUIET;
    buf_printf(
        to,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
        "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
        size, size, size, size);
    for (int y = 0; y < code->width; y++)
        for (int x = 0, n; x < code->width; x += n) {
            for (n = 1; dark(code, x, y) && dark(code, x + n, y); n++)
                ;
            if (dark(code, x, y))
                buf_printf(to, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, n, n);
        }
    buf_add(to, STR("\"/></svg>"));
    QRcode_free(code);
    return ERR_OK;
}

enum err qr_write_terminal(struct str text, struct buf *to, struct error *e)
{
    static const char *const halves[] = {" ", "▀", "▄",
                                         "█"}; /* bit 0: the upper, bit 1: the lower is light */
    QRcode *code = make(text, e);
    if (!code)
        return e->err;
    for (int y = -QUIET / 2; y < code->width + QUIET / 2; y += 2) {
        buf_add(to, STR("\033[40;97m"));
        for (int x = -QUIET / 2; x < code->width + QUIET / 2; x++)
            buf_add(to, str_c(halves[(dark(code, x, y) ? 0 : 1) | (dark(code, x, y + 1) ? 0 : 2)]));
        buf_add(to, STR("\033[0m\n"));
    }
    QRcode_free(code);
    return ERR_OK;
}
