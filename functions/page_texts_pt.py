"""The hosted page in Portuguese, as it is spoken in Brazil."""

from __future__ import annotations

from functions.link_view import Screen
from functions.page_numbers import Numbers, PluralForm, up_to_one_or_more
from functions.page_texts import Explanation, Message, PageTexts
from storage.models import Phase, ReasonCode

_ASK_AGAIN = "Peça um novo código. Se acontecer de novo, avise {workspace}."

PORTUGUESE = PageTexts(
    locale="pt",
    name="Português",
    direction="ltr",
    numbers=Numbers(
        plural=up_to_one_or_more,
        group=".",
        seconds={PluralForm.ONE: "{n} segundo", PluralForm.OTHER: "{n} segundos"},
        minutes={PluralForm.ONE: "{n} minuto", PluralForm.OTHER: "{n} minutos"},
    ),
    languages="Idioma",
    asks="{workspace} pede para conectar o seu WhatsApp. Você pode desfazer isso no celular.",
    about="A sua conexão do WhatsApp com {workspace}",
    means="Ao conectar, {workspace} passa a ser um dos aparelhos conectados do seu WhatsApp. Um aparelho "
    "conectado pode ler e enviar mensagens por você, como o WhatsApp Web, até que você o remova.",
    expects="Use o WhatsApp com o número que termina em {ending}.",
    remove_later="Para desfazer um dia: no WhatsApp, abra “Aparelhos conectados”, toque no aparelho e depois "
    "em “Desconectar”.",
    screens={
        Screen.NOT_STARTED: Message(
            "Conecte o seu WhatsApp",
            "Tenha o celular por perto. O código aparece em segundos e vale por cerca de um minuto.",
        ),
        Screen.QUEUED: Message(
            "Você está na fila",
            "Muitas pessoas estão se conectando agora. O seu código vem sozinho; deixe esta página aberta.",
        ),
        Screen.PREPARING: Message("Preparando o seu código", "Ele aparece aqui sozinho."),
        Screen.SCAN: Message("Escaneie este código com o WhatsApp", "Esperando o seu celular."),
        Screen.CODE: Message("Digite este código no WhatsApp", "Para o WhatsApp de {phone}."),
        Screen.PASSKEY: Message(
            "Confirme no seu celular",
            "O código foi lido, e o WhatsApp protege esta conta com uma chave de acesso. Só o dono da conta "
            "pode confirmar, no próprio celular; nem esta página nem {workspace} podem fazer isso por você.",
            "Se o celular pedir, confirme nele e deixe esta página aberta. Se não pedir, o WhatsApp não "
            "permite esta conexão por enquanto: avise {workspace}.",
        ),
        Screen.LINKING: Message("O seu celular confirmou", "A conexão leva alguns segundos."),
        Screen.LINKED: Message(
            "WhatsApp conectado",
            "Este número agora está conectado a {workspace}.",
            "Você pode fechar esta página.",
        ),
        Screen.LINKED_WITHOUT_NUMBER: Message(
            "WhatsApp conectado",
            "A sua conta está conectada a {workspace}. O WhatsApp ainda não nos informou o número dela.",
            "Você pode fechar esta página.",
        ),
        Screen.RECONNECTING: Message(
            "Conectado, restabelecendo a conexão",
            "A conta continua conectada a {workspace}. A comunicação foi interrompida e está voltando.",
            "Você não precisa fazer nada.",
        ),
        Screen.EXPIRED: Message("O código venceu", "Ninguém o escaneou a tempo."),
        Screen.LOGGED_OUT: Message(
            "Não está mais conectado", "Esta conta não está mais conectada a {workspace}."
        ),
        Screen.FAILED: Message("Não deu certo", "A sua conta não foi conectada."),
        Screen.REPLACED: Message(
            "Substituída por uma conexão mais nova",
            "O mesmo número foi conectado de novo a {workspace}, e esta conexão antiga terminou.",
            "Você não precisa fazer nada. A conexão nova funciona.",
        ),
        Screen.DELETED: Message(
            "Este link foi removido",
            "{workspace} encerrou este link, e o que ele guardava foi apagado.",
            "Para conectar de novo, peça um novo link a {workspace}.",
        ),
    },
    phases={
        Phase.LAUNCHING: "Iniciando um navegador para você. Leva alguns segundos.",
        Phase.LOADING: "Abrindo o WhatsApp Web. Leva alguns segundos.",
        Phase.WAITING_FOR_QR: "O WhatsApp está preparando o seu código. Falta pouco.",
        Phase.WAITING_FOR_SCAN: "Esperando o seu celular.",
        Phase.LINKING: "O WhatsApp está conectando este aparelho. Deixe o celular com internet.",
        Phase.SYNCING: "O WhatsApp está sincronizando com o seu celular. Deixe-o com internet; pode levar um "
        "minuto.",
        Phase.READING_PHONE: "Lendo o seu número de telefone.",
    },
    reasons={
        ReasonCode.QR_TIMEOUT: Explanation(
            "Ninguém escaneou o código a tempo.", "Abra o WhatsApp no celular e depois peça um novo código."
        ),
        ReasonCode.LAUNCH_TIMEOUT: Explanation("O navegador da sua conexão não iniciou a tempo.", _ASK_AGAIN),
        ReasonCode.LOAD_TIMEOUT: Explanation(
            "O WhatsApp Web demorou demais para abrir.", "Espere um minuto e peça um novo código."
        ),
        ReasonCode.LINK_TIMEOUT: Explanation(
            "O seu celular aceitou o código, mas o WhatsApp não concluiu a conexão.",
            "Veja se o celular está com internet e peça um novo código.",
        ),
        ReasonCode.BROWSER_REFUSED: Explanation(
            "O WhatsApp não aceita o navegador por trás desta página.",
            "Avise {workspace}; tentar de novo dificilmente vai ajudar.",
        ),
        ReasonCode.BROWSER_CRASH: Explanation("O navegador da sua conexão parou.", _ASK_AGAIN),
        ReasonCode.PAGE_UNREACHABLE: Explanation(
            "Não é possível acessar o WhatsApp Web no momento.", "Espere um minuto e peça um novo código."
        ),
        ReasonCode.PAGE_BROKEN: Explanation(
            "O WhatsApp Web mudou de um jeito que ainda não entendemos.",
            "Avise {workspace}; tentar de novo dificilmente vai ajudar.",
        ),
        ReasonCode.SOCKET_LOST: Explanation(
            "A conexão com o WhatsApp caiu.", "Veja se o celular está com internet e peça um novo código."
        ),
        ReasonCode.NODE_LOST: Explanation("O computador que cuidava da sua conexão parou.", _ASK_AGAIN),
        ReasonCode.WA_LOGOUT: Explanation(
            "O aparelho foi removido no WhatsApp, pelo celular ou pelo próprio WhatsApp.",
            "Para conectar de novo, peça um novo código.",
        ),
        ReasonCode.WA_CONFLICT: Explanation(
            "O WhatsApp diz que esta conexão foi aberta em outro lugar.",
            "Feche o WhatsApp Web no outro lugar e peça um novo código.",
        ),
        ReasonCode.PASSKEY: Explanation(
            "O WhatsApp pediu uma chave de acesso, e ela não foi confirmada a tempo. Só o dono da conta pode "
            "confirmar, no próprio celular.",
            "Peça um novo código se puder confirmar agora. Se o celular não pedir, avise {workspace}.",
        ),
        ReasonCode.RESTORE_CORRUPT: Explanation(
            "Não foi possível recuperar a conexão salva.", "Para conectar de novo, peça um novo código."
        ),
        ReasonCode.RESTORE_MISSING: Explanation(
            "A conexão salva não foi mais encontrada.", "Para conectar de novo, peça um novo código."
        ),
        ReasonCode.STORE_UNAVAILABLE: Explanation(
            "O lugar onde as conexões ficam guardadas não responde.",
            "Você não precisa fazer nada: continuamos tentando.",
        ),
        ReasonCode.CAPACITY: Explanation(
            "Havia gente demais se conectando naquele momento.", "Espere um minuto e peça um novo código."
        ),
        ReasonCode.MEMORY_LIMIT: Explanation(
            "O WhatsApp Web precisou de mais memória do que havia.", _ASK_AGAIN
        ),
        ReasonCode.REQUESTED: Explanation(
            "{workspace} encerrou esta conexão.", "Para conectar de novo, peça um novo código."
        ),
        ReasonCode.DUPLICATE: Explanation(
            "Este número já está conectado a {workspace}.",
            "Para conectar outro número, peça um novo código.",
        ),
        ReasonCode.WRONG_NUMBER: Explanation(
            "{workspace} espera outro número; por isso esta conta foi desconectada em seguida.",
            "Pegue o celular com o número que termina em {ending} e peça um novo código.",
        ),
        ReasonCode.ACCOUNT_RESTRICTED: Explanation(
            "O WhatsApp restringiu esta conta e, por enquanto, não permite que ela use aparelhos conectados.",
            "Abra o WhatsApp no celular para ver o motivo e até quando. Depois peça um novo código.",
        ),
    },
    unknown_reason=Explanation("Algo deu errado do nosso lado.", _ASK_AGAIN),
    scan_steps=(
        "Abra o WhatsApp no celular.",
        "Toque no menu ⋮ no Android ou em Configurações no iPhone e depois em “Aparelhos conectados”.",
        "Toque em “Conectar um aparelho” e aponte o celular para o código.",
    ),
    code_steps=(
        "Abra o WhatsApp no celular ou toque na notificação do WhatsApp.",
        "Toque no menu ⋮ no Android ou em Configurações no iPhone e depois em “Aparelhos conectados”.",
        "Toque em “Conectar um aparelho”, depois em “Conectar com número de telefone”, e digite o código.",
    ),
    help_summary="O meu celular não aceita",
    help_lines=(
        "Ele diz que há aparelhos conectados demais: o WhatsApp permite quatro. Em “Aparelhos conectados”, "
        "desconecte um e tente de novo.",
        "Ele diz que você não pode conectar aparelhos agora: o WhatsApp restringiu a conta por um tempo. Só "
        "o WhatsApp pode liberar; tente mais tarde.",
        "Ele pede digital, rosto ou chave de acesso: é o WhatsApp protegendo você. Confirme no seu próprio "
        "celular.",
        "Não acontece nada: veja se o celular está com internet e o WhatsApp atualizado.",
    ),
    qr_label="Código QR para escanear com o WhatsApp do seu celular",
    qr_ends="Válido por {time}",
    code_ends="Válido por {time}",
    passkey_ends="Tempo para confirmar: {time}",
    qr_renewing="Buscando um novo código",
    queue_position="O seu lugar na fila: {position}",
    queue_wait="Cerca de {time} de espera",
    takes_longer="Está demorando mais que o normal. Continuamos tentando; deixe esta página aberta ou volte "
    "mais tarde.",
    start="Mostrar o código",
    new_qr="Pedir um novo código",
    back_to="Voltar para {workspace}",
    returning="Voltando para {workspace} em {time}",
    stay="Ficar aqui",
    by_phone=Message(
        "Conecte com o seu número de telefone",
        "Você recebe um código para digitar no WhatsApp deste celular; não é preciso escanear nada.",
    ),
    show_qr="Mostrar um código QR",
    copy_code="Copiar o código",
    code_copied="Copiado",
    pairing_summary="Conectar com número de telefone",
    pairing_hint="Não tem uma segunda tela? Receba um código para digitar no WhatsApp deste celular.",
    pairing_country="País",
    pairing_number="Número do WhatsApp",
    pairing_field="Número do WhatsApp, com código do país",
    pairing_example="+55 11 96123-4567",
    pairing_submit="Receber um código",
    pairing_again="Usar outro número",
    phone_missing="Digite o número do seu WhatsApp.",
    phone_without_country="Comece com + e o código do país, como em +55 11 96123-4567.",
    phone_wrong="Este número de telefone não está completo. Confira o código do país e os dígitos.",
    phone_not_expected="{workspace} espera outro número, um que termina em {ending}.",
    busy="Não foi possível fazer isso agora. Espere alguns segundos e tente de novo.",
    retrying="Sem conexão. Tentando de novo; o que você vê pode estar desatualizado.",
    refreshes_itself="Esta página se atualiza sozinha a cada poucos segundos.",
    unknown_link=Message(
        "Link não encontrado",
        "Ele foi substituído por um mais novo, ou o endereço não está completo.",
        "Veja se abriu o endereço inteiro ou peça um novo link a quem o enviou.",
    ),
    expired_link=Message(
        "Este link venceu",
        "Para a sua segurança, um link só funciona por tempo limitado.",
        "Peça um novo link a quem o enviou.",
    ),
    revoked_link=Message(
        "Este link foi encerrado",
        "{workspace} encerrou este link antes que ele fosse usado.",
        "Se você ainda quiser conectar o seu WhatsApp, peça um novo link a {workspace}.",
    ),
    finished_link=Message(
        "WhatsApp conectado",
        "Este link já cumpriu o seu papel e foi fechado para a sua segurança.",
        "Você pode fechar esta página. O que está conectado aparece no WhatsApp, em “Aparelhos conectados”.",
    ),
    other_browser=Message(
        "Aberto em outro navegador",
        "Para a sua segurança, um link só funciona no navegador que o abriu primeiro.",
        "Continue por lá, ou peça um novo link a {workspace} e abra-o aqui. Se este for o mesmo navegador, "
        "permita cookies nesta página.",
    ),
    card=Message("Conecte o seu WhatsApp a {workspace}", "Abra esta página para conectar o seu WhatsApp."),
    foreign_form=Message(
        "Não veio desta página",
        "O pedido veio de outro site e não foi executado.",
        "Abra o seu link de novo e use o botão que está lá.",
    ),
)
