/* SPDX-License-Identifier: MIT */
#include "util/table.h"

#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "util/str.h"

/* No name in Azure is longer; what is, is cut. */
static const size_t MAX_CELL = 400;

void table_open(struct table *table, const char *const *titles, size_t columns)
{
    *table = (struct table){.columns = columns};
    for (size_t i = 0; i < columns; i++)
        table_add(table, titles[i]);
}

void table_align_right(struct table *table, size_t column)
{
    table->right |= 1U << column;
}

void table_add(struct table *table, const char *text)
{
    if (!text || !*text)
        text = "-";
    table->cells = xgrow(table->cells, table->count, sizeof(*table->cells));
    table->cells[table->count++] = str_printable(text, strnlen(text, MAX_CELL + 1), MAX_CELL);
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}

/* In a locale whose characters are UTF-8. */
static size_t measure(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0, length = strlen(text);

    while (length) {
        wchar_t letter;
        size_t size = mbrtowc(&letter, text, length, &state);
        int columns;

        if (size == 0 || size > length)
            return width + str_count_characters(text);
        columns = wcwidth(letter);
        /* a letter newer than the C library's tables most likely takes one */
        width += columns < 0 ? 1 : (size_t)columns;
        text += size;
        length -= size;
    }
    return width;
}

/* Runs measure() over all texts in a UTF-8 locale of this thread only: the program's own stays "C". */
static void measure_all(char *const *texts, size_t count, size_t *widths)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;

    for (size_t i = 0; i < count; i++)
        widths[i] = utf8 ? measure(texts[i]) : str_count_characters(texts[i]);
    if (!utf8)
        return;
    uselocale(before);
    freelocale(utf8);
}

size_t table_width(const char *text)
{
    _cleanup_free_ char *copy = str_dup(text);
    size_t width;

    measure_all(&copy, 1, &width);
    return width;
}

void table_print(const struct table *table, FILE *to)
{
    size_t cells = table->columns ? table->count - table->count % table->columns : 0;
    _cleanup_free_ size_t *widths = xcalloc(cells, sizeof(*widths));
    _cleanup_free_ size_t *widest = xcalloc(table->columns, sizeof(*widest));

    measure_all(table->cells, cells, widths);
    for (size_t i = 0; i < cells; i++)
        if (widths[i] > widest[i % table->columns])
            widest[i % table->columns] = widths[i];
    for (size_t i = 0; i < cells; i++) {
        size_t column = i % table->columns;
        bool is_last = column + 1 == table->columns;
        int fill = (int)(widest[column] - widths[i]);

        if (table->right & 1U << column)
            fprintf(to, "%*s%s%s", fill, "", table->cells[i], is_last ? "" : "  ");
        else
            fprintf(to, "%s%*s", table->cells[i], is_last ? 0 : fill + 2, "");
        if (is_last)
            fputc('\n', to);
    }
}
