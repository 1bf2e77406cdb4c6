/* Pictures: written and read again, turned, shrunk; EXIF; what is taken out of files. */
#include "../unit.h"

#include "base/arena.h"
#include "media/picture.h"

/* Each pixel says where it is. */
static struct picture painted(unsigned width, unsigned height)
{
    struct picture p = {.width = width, .height = height, .orientation = 1};
    p.rgba = heap_alloc((size_t)width * height * 4);
    for (unsigned y = 0; y < height; y++)
        for (unsigned x = 0; x < width; x++)
            memcpy(p.rgba + ((size_t)y * width + x) * 4, (uint8_t[]){(uint8_t)x, (uint8_t)y, 0, 255}, 4);
    return p;
}

static const uint8_t *at(const struct picture *p, unsigned x, unsigned y)
{
    return p->rgba + ((size_t)y * p->width + x) * 4;
}

/* Where the file's first pixel (0, 0) is to be seen: EXIF 2.3, table 5. */
static void test_upright(void **state)
{
    (void)state;
    static const struct {
        unsigned orientation, x, y; /* of a 5 x 3 picture, upright */
    } cases[] = {{1, 0, 0}, {2, 4, 0}, {3, 4, 2}, {4, 0, 2}, {5, 0, 0}, {6, 2, 0}, {7, 2, 4}, {8, 0, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct picture p = painted(5, 3);
        p.orientation = cases[i].orientation;
        picture_upright(&p);
        assert_int_equal(p.width, cases[i].orientation >= 5 ? 3 : 5);
        assert_int_equal(at(&p, cases[i].x, cases[i].y)[0], 0);
        assert_int_equal(at(&p, cases[i].x, cases[i].y)[1], 0);
        picture_release(&p);
    }
}

static void test_shrink(void **state)
{
    (void)state;
    struct picture p = painted(200, 100), small;
    picture_shrink(&p, 50, &small);
    assert_int_equal(small.width, 50);
    assert_int_equal(small.height, 25);
    assert_in_range(at(&small, 10, 10)[0], 40, 43); /* the mean of 40..43 */
    picture_release(&small);
    picture_shrink(&p, 1000, &small);
    assert_int_equal(small.width, 200);
    picture_release(&small);
    picture_release(&p);
    p = painted(3000, 2);
    picture_shrink(&p, 500, &small);
    assert_int_equal(small.height, 1); /* never none */
    picture_release(&small);
    picture_release(&p);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct error e = {0};
    struct picture p = painted(64, 48), back;
    CLEANUP_BUF struct buf webp = BUF_INIT, jpeg = BUF_INIT;
    assert_int_equal(picture_write_webp(&p, &webp, &e), ERR_OK);
    assert_int_equal(picture_write_jpeg(&p, &jpeg, &e), ERR_OK);
    const struct buf *files[] = {&webp, &jpeg};
    for (int i = 0; i < 2; i++) {
        enum media_form form = media_form_of(buf_str(files[i]), &e);
        assert_int_equal(form, i ? MEDIA_JPEG : MEDIA_WEBP);
        assert_int_equal(picture_decode(form, buf_str(files[i]), &back, &e), ERR_OK);
        assert_int_equal(back.width, 64);
        assert_int_equal(back.height, 48);
        assert_in_range(at(&back, 40, 20)[0] + 20, 40, 80); /* about 40 */
        picture_release(&back);
        /* Cut anywhere, it is refused in words, or is nothing at all. */
        for (size_t n = 0; n + 2 < files[i]->n; n += 7) {
            struct error why = {0};
            assert_int_not_equal(picture_decode(form, str_sub(buf_str(files[i]), 0, n), &back, &why), ERR_OK);
            assert_true(why.message[0] != '\0');
        }
    }
    picture_release(&p);
}

static const char tiff[] = "MM\0*\0\0\0\x08\0\x02"
                           "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
                           "\x88\x25\0\x04\0\0\0\x01\0\0\0\x26"
                           "\0\0\0\0"
                           "\0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0";

static void test_exif(void **state)
{
    (void)state;
    unsigned orientation;
    bool places;
    picture_exif(str_of(tiff, sizeof tiff - 1), &orientation, &places);
    assert_int_equal(orientation, 6);
    assert_true(places);
    for (size_t n = 0; n < sizeof tiff; n++) /* cut anywhere, nothing is read outside */
        picture_exif(str_of(tiff, n), &orientation, &places);
    picture_exif(STR("II*\0\xff\xff\xff\xff"), &orientation, &places);
    assert_int_equal(orientation, 1);
}

static void test_strip_jpeg(void **state)
{
    (void)state;
    struct error e = {0};
    struct picture p = painted(16, 16), back;
    CLEANUP_BUF struct buf plain = BUF_INIT, told = BUF_INIT, clean = BUF_INIT;
    assert_int_equal(picture_write_jpeg(&p, &plain, &e), ERR_OK);
    picture_release(&p);
    size_t n = 2 + 6 + sizeof tiff - 1;
    buf_add(&told, str_sub(buf_str(&plain), 0, 2));
    buf_add(&told, STR("\xff\xe1"));
    buf_add_char(&told, (char)(n >> 8));
    buf_add_char(&told, (char)n);
    buf_add(&told, STR("Exif\0\0"));
    buf_add(&told, str_of(tiff, sizeof tiff - 1));
    buf_add(&told, STR("\xff\xfe\0\x09my home"));
    buf_add(&told, str_from(buf_str(&plain), 2));
    assert_int_equal(picture_decode(MEDIA_JPEG, buf_str(&told), &back, &e), ERR_OK);
    assert_true(back.places);
    assert_int_equal(back.orientation, 6);
    assert_true(picture_strip(MEDIA_JPEG, buf_str(&told), &back, &clean));
    picture_release(&back);
    assert_int_equal(str_find(buf_str(&clean), STR("my home")), SIZE_MAX);
    assert_int_equal(picture_decode(MEDIA_JPEG, buf_str(&clean), &back, &e), ERR_OK);
    assert_false(back.places);
    assert_int_equal(back.orientation, 6);
    picture_release(&back);
    buf_clear(&clean);
    assert_int_equal(picture_decode(MEDIA_JPEG, buf_str(&plain), &back, &e), ERR_OK);
    assert_false(picture_strip(MEDIA_JPEG, buf_str(&plain), &back, &clean));
    assert_int_equal(clean.n, 0);
    picture_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upright),        cmocka_unit_test(test_shrink),
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_exif),
        cmocka_unit_test(test_strip_jpeg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
