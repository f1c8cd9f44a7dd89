/* SPDX-License-Identifier: MIT */
/* iscsiadm's exit codes, from its manual page (EXIT STATUS) and open-iscsi's iscsi_err.h: those that azilr tells apart.
 */
#ifndef AZILR_ISCSI_ISCSIADM_INTERNAL_H
#define AZILR_ISCSI_ISCSIADM_INTERNAL_H

enum {
    ISCSI_ERR_SESS_NOT_FOUND = 2,
    ISCSI_ERR_TRANS = 4,
    ISCSI_ERR_LOGIN = 5,
    ISCSI_ERR_TRANS_TIMEOUT = 8,
    ISCSI_ERR_INTERNAL = 9,
    ISCSI_ERR_PDU_TIMEOUT = 11,
    ISCSI_ERR_SESS_EXISTS = 15,
    ISCSI_ERR_ISCSID_NOTCONN = 20,
    ISCSI_ERR_NO_OBJS_FOUND = 21,
    ISCSI_ERR_LOGIN_AUTH_FAILED = 24,
};

#endif
