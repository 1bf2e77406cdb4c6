/* Principals; see principal.h. */
#include "tenant/principal.h"

struct id tenant_local(void)
{
    return id_of_name(STR("tenant"), STR("local"));
}

struct id tenant_owner(void)
{
    return id_of_name(STR("user"), STR("local owner"));
}

struct principal principal_owner(enum credential credential)
{
    return (struct principal){
        .tenant = tenant_local(), .user = tenant_owner(), .credential = credential, .scopes = SCOPE_ALL};
}
