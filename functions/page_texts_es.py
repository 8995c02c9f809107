"""The hosted page in Spanish, in words that are understood in America and in Spain."""

from __future__ import annotations

from functions.link_view import Screen
from functions.page_numbers import Numbers, PluralForm, one_or_more
from functions.page_texts import Explanation, Message, PageTexts
from storage.models import Phase, ReasonCode

_ASK_AGAIN = "Pide un código nuevo. Si vuelve a pasar, avisa a {workspace}."

SPANISH = PageTexts(
    locale="es",
    name="Español",
    direction="ltr",
    numbers=Numbers(
        plural=one_or_more,
        group="\N{NO-BREAK SPACE}",
        seconds={PluralForm.ONE: "{n} segundo", PluralForm.OTHER: "{n} segundos"},
        minutes={PluralForm.ONE: "{n} minuto", PluralForm.OTHER: "{n} minutos"},
    ),
    languages="Idioma",
    asks="{workspace} pide vincular tu WhatsApp. Puedes deshacerlo en tu teléfono.",
    about="Tu WhatsApp vinculado con {workspace}",
    means="Al vincular, {workspace} pasa a ser uno de los dispositivos vinculados de tu WhatsApp. Un "
    "dispositivo vinculado puede leer y enviar mensajes por ti, como WhatsApp Web, hasta que lo quites.",
    expects="Usa el WhatsApp cuyo número termina en {ending}.",
    remove_later="Para deshacerlo algún día: en WhatsApp, abre “Dispositivos vinculados”, toca el "
    "dispositivo y luego “Cerrar sesión”.",
    screens={
        Screen.NOT_STARTED: Message(
            "Vincula tu WhatsApp",
            "Ten tu teléfono a mano. El código aparece en segundos y vale alrededor de un minuto.",
        ),
        Screen.QUEUED: Message(
            "Estás en la fila",
            "Muchas personas se están vinculando en este momento. Tu código llega solo; deja esta página "
            "abierta.",
        ),
        Screen.PREPARING: Message("Preparando tu código", "Aparece aquí solo."),
        Screen.SCAN: Message("Escanea este código con WhatsApp", "Esperando a tu teléfono."),
        Screen.CODE: Message("Escribe este código en WhatsApp", "Para el WhatsApp de {phone}."),
        Screen.PASSKEY: Message(
            "Confirma en tu teléfono",
            "El código se leyó bien, y WhatsApp protege esta cuenta con una llave de acceso. Solo el titular "
            "de la cuenta puede confirmarlo, en su propio teléfono; ni esta página ni {workspace} pueden "
            "hacerlo por ti.",
            "Si tu teléfono lo pide, confirma ahí y deja esta página abierta. Si no lo pide, WhatsApp no "
            "permite este vínculo por ahora: avisa a {workspace}.",
        ),
        Screen.LINKING: Message("Tu teléfono aceptó", "La vinculación tarda unos segundos."),
        Screen.LINKED: Message(
            "WhatsApp vinculado",
            "Este número ya está vinculado con {workspace}.",
            "Puedes cerrar esta página.",
        ),
        Screen.LINKED_WITHOUT_NUMBER: Message(
            "WhatsApp vinculado",
            "Tu cuenta está vinculada con {workspace}. WhatsApp aún no nos ha dicho su número.",
            "Puedes cerrar esta página.",
        ),
        Screen.RECONNECTING: Message(
            "Vinculado, y reconectando",
            "La cuenta sigue vinculada con {workspace}. La conexión se interrumpió y se está recuperando.",
            "No tienes que hacer nada.",
        ),
        Screen.EXPIRED: Message("El código venció", "Nadie lo escaneó a tiempo."),
        Screen.LOGGED_OUT: Message(
            "Ya no está vinculado", "Esta cuenta ya no está vinculada con {workspace}."
        ),
        Screen.FAILED: Message("No funcionó", "Tu cuenta no se vinculó."),
        Screen.REPLACED: Message(
            "Reemplazado por un vínculo más nuevo",
            "El mismo número se vinculó otra vez con {workspace}, y este vínculo anterior terminó.",
            "No tienes que hacer nada. El vínculo nuevo funciona.",
        ),
        Screen.DELETED: Message(
            "Este enlace se eliminó",
            "{workspace} terminó este enlace, y lo que guardaba se borró.",
            "Para vincular de nuevo, pide a {workspace} un enlace nuevo.",
        ),
    },
    phases={
        Phase.LAUNCHING: "Iniciando un navegador para ti. Tarda unos segundos.",
        Phase.LOADING: "Abriendo WhatsApp Web. Tarda unos segundos.",
        Phase.WAITING_FOR_QR: "WhatsApp está preparando tu código. Ya casi está.",
        Phase.WAITING_FOR_SCAN: "Esperando a tu teléfono.",
        Phase.LINKING: "WhatsApp está vinculando este dispositivo. Mantén tu teléfono con internet.",
        Phase.SYNCING: "WhatsApp se está sincronizando con tu teléfono. Mantenlo con internet; puede tardar "
        "un minuto.",
        Phase.READING_PHONE: "Leyendo tu número de teléfono.",
    },
    reasons={
        ReasonCode.QR_TIMEOUT: Explanation(
            "Nadie escaneó el código a tiempo.", "Abre WhatsApp en tu teléfono y luego pide un código nuevo."
        ),
        ReasonCode.LAUNCH_TIMEOUT: Explanation(
            "El navegador para tu vínculo no se inició a tiempo.", _ASK_AGAIN
        ),
        ReasonCode.LOAD_TIMEOUT: Explanation(
            "WhatsApp Web tardó demasiado en abrirse.", "Espera un minuto y pide un código nuevo."
        ),
        ReasonCode.LINK_TIMEOUT: Explanation(
            "Tu teléfono aceptó el código, pero WhatsApp no terminó de vincular.",
            "Revisa que tu teléfono tenga internet y pide un código nuevo.",
        ),
        ReasonCode.BROWSER_REFUSED: Explanation(
            "WhatsApp no acepta el navegador que está detrás de esta página.",
            "Avisa a {workspace}; intentarlo otra vez difícilmente ayudará.",
        ),
        ReasonCode.BROWSER_CRASH: Explanation("El navegador para tu vínculo se detuvo.", _ASK_AGAIN),
        ReasonCode.PAGE_UNREACHABLE: Explanation(
            "No se puede acceder a WhatsApp Web en este momento.",
            "Espera un minuto y pide un código nuevo.",
        ),
        ReasonCode.PAGE_BROKEN: Explanation(
            "WhatsApp Web cambió de una manera que todavía no entendemos.",
            "Avisa a {workspace}; intentarlo otra vez difícilmente ayudará.",
        ),
        ReasonCode.SOCKET_LOST: Explanation(
            "Se perdió la conexión con WhatsApp.",
            "Revisa que tu teléfono tenga internet y pide un código nuevo.",
        ),
        ReasonCode.NODE_LOST: Explanation("El equipo que llevaba tu vínculo se detuvo.", _ASK_AGAIN),
        ReasonCode.WA_LOGOUT: Explanation(
            "El dispositivo se eliminó en WhatsApp, desde el teléfono o por el propio WhatsApp.",
            "Para vincularlo otra vez, pide un código nuevo.",
        ),
        ReasonCode.WA_CONFLICT: Explanation(
            "WhatsApp dice que este vínculo se abrió en otro lugar.",
            "Cierra WhatsApp Web en el otro lugar y pide un código nuevo.",
        ),
        ReasonCode.PASSKEY: Explanation(
            "WhatsApp pidió una llave de acceso, y no se confirmó a tiempo. Solo el titular de la cuenta "
            "puede confirmarla, en su propio teléfono.",
            "Pide un código nuevo si puedes confirmar ahora. Si tu teléfono no lo pide, avisa a {workspace}.",
        ),
        ReasonCode.RESTORE_CORRUPT: Explanation(
            "No se pudo recuperar el vínculo guardado.", "Para vincular de nuevo, pide un código nuevo."
        ),
        ReasonCode.RESTORE_MISSING: Explanation(
            "Ya no se encontró el vínculo guardado.", "Para vincular de nuevo, pide un código nuevo."
        ),
        ReasonCode.STORE_UNAVAILABLE: Explanation(
            "El lugar donde se guardan los vínculos no responde.",
            "No tienes que hacer nada: lo seguimos intentando.",
        ),
        ReasonCode.CAPACITY: Explanation(
            "Demasiadas personas se estaban vinculando en ese momento.",
            "Espera un minuto y pide un código nuevo.",
        ),
        ReasonCode.MEMORY_LIMIT: Explanation(
            "WhatsApp Web necesitó más memoria de la que había.", _ASK_AGAIN
        ),
        ReasonCode.REQUESTED: Explanation(
            "{workspace} terminó este vínculo.", "Para vincular de nuevo, pide un código nuevo."
        ),
        ReasonCode.DUPLICATE: Explanation(
            "Este número ya está vinculado con {workspace}.",
            "Para vincular otro número, pide un código nuevo.",
        ),
        ReasonCode.WRONG_NUMBER: Explanation(
            "{workspace} espera otro número, así que la sesión de esta cuenta se cerró enseguida.",
            "Toma el teléfono cuyo número termina en {ending} y pide un código nuevo.",
        ),
        ReasonCode.ACCOUNT_RESTRICTED: Explanation(
            "WhatsApp restringió esta cuenta y, por ahora, no le permite usar dispositivos vinculados.",
            "Abre WhatsApp en tu teléfono para ver por qué y hasta cuándo. Luego pide un código nuevo.",
        ),
    },
    unknown_reason=Explanation("Algo salió mal de nuestro lado.", _ASK_AGAIN),
    scan_steps=(
        "Abre WhatsApp en tu teléfono.",
        "Toca el menú ⋮ en Android o Configuración en iPhone y luego “Dispositivos vinculados”.",
        "Toca “Vincular un dispositivo” y apunta el teléfono al código.",
    ),
    code_steps=(
        "Abre WhatsApp en tu teléfono o toca la notificación de WhatsApp.",
        "Toca el menú ⋮ en Android o Configuración en iPhone y luego “Dispositivos vinculados”.",
        "Toca “Vincular un dispositivo”, luego “Vincular con número de teléfono”, y escribe el código.",
    ),
    help_summary="Mi teléfono no lo acepta",
    help_lines=(
        "Dice que tienes demasiados dispositivos vinculados: WhatsApp permite cuatro. En “Dispositivos "
        "vinculados”, cierra la sesión de uno e inténtalo de nuevo.",
        "Dice que no puedes vincular dispositivos ahora: WhatsApp restringió la cuenta por un tiempo. Solo "
        "WhatsApp puede levantarlo; inténtalo más tarde.",
        "Pide huella, rostro o llave de acceso: es WhatsApp protegiéndote. Confirma en tu propio teléfono.",
        "No pasa nada: revisa que el teléfono tenga internet y WhatsApp esté actualizado.",
    ),
    qr_label="Código QR para escanear con el WhatsApp de tu teléfono",
    qr_ends="Válido por {time}",
    code_ends="Válido por {time}",
    passkey_ends="Tiempo para confirmar: {time}",
    qr_renewing="Obteniendo un código nuevo",
    queue_position="Tu lugar en la fila: {position}",
    queue_wait="Alrededor de {time} de espera",
    takes_longer="Está tardando más de lo normal. Lo seguimos intentando; deja esta página abierta o vuelve "
    "más tarde.",
    start="Mostrar el código",
    new_qr="Pedir un código nuevo",
    back_to="Volver a {workspace}",
    returning="Vuelves a {workspace} en {time}",
    stay="Quedarme aquí",
    by_phone=Message(
        "Vincula con tu número de teléfono",
        "Recibes un código para escribirlo en WhatsApp en este teléfono; no hay que escanear nada.",
    ),
    show_qr="Mostrar un código QR",
    copy_code="Copiar el código",
    code_copied="Copiado",
    pairing_summary="Vincular con número de teléfono",
    pairing_hint="¿No tienes otra pantalla? Recibe un código para escribirlo en WhatsApp en este teléfono.",
    pairing_country="País",
    pairing_number="Número de WhatsApp",
    pairing_field="Número de WhatsApp, con código de país",
    pairing_example="+52 55 1234 5678",
    pairing_submit="Recibir un código",
    pairing_again="Usar otro número",
    phone_missing="Escribe el número de tu WhatsApp.",
    phone_without_country="Empieza con + y el código de país, como en +52 55 1234 5678.",
    phone_wrong="Este número de teléfono no está completo. Revisa el código de país y los dígitos.",
    phone_not_expected="{workspace} espera otro número, uno que termina en {ending}.",
    busy="No se pudo hacer en este momento. Espera unos segundos e inténtalo de nuevo.",
    retrying="Sin conexión. Intentando de nuevo; lo que ves puede estar desactualizado.",
    refreshes_itself="Esta página se actualiza sola cada pocos segundos.",
    unknown_link=Message(
        "No existe este enlace",
        "Lo reemplazó uno más nuevo, o la dirección no está completa.",
        "Revisa que abriste la dirección completa, o pide un enlace nuevo a quien te lo envió.",
    ),
    expired_link=Message(
        "Este enlace venció",
        "Por tu seguridad, un enlace solo funciona durante un tiempo limitado.",
        "Pide un enlace nuevo a quien te lo envió.",
    ),
    revoked_link=Message(
        "Este enlace se terminó",
        "{workspace} terminó este enlace antes de que se usara.",
        "Si todavía quieres vincular tu WhatsApp, pide a {workspace} un enlace nuevo.",
    ),
    finished_link=Message(
        "WhatsApp vinculado",
        "Este enlace ya cumplió su función y se cerró por tu seguridad.",
        "Puedes cerrar esta página. Lo que está vinculado lo ves en WhatsApp, en “Dispositivos vinculados”.",
    ),
    other_browser=Message(
        "Abierto en otro navegador",
        "Por tu seguridad, un enlace solo funciona en el navegador que lo abrió primero.",
        "Continúa ahí, o pide a {workspace} un enlace nuevo y ábrelo aquí. Si este es el mismo navegador, "
        "permite las cookies de esta página.",
    ),
    card=Message("Vincula tu WhatsApp con {workspace}", "Abre esta página para vincular tu WhatsApp."),
    foreign_form=Message(
        "No viene de esta página",
        "La solicitud llegó de otro sitio y no se ejecutó.",
        "Abre tu enlace otra vez y usa el botón que está ahí.",
    ),
)
